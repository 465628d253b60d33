"""Word bank of the generated records: 651 drugs in their classes, how each is called, what interacts.

A line of ``_BANK`` is ``key|class name|purpose|ingredient/forms|ingredient/forms|…``: the more common
ingredient and the more common form stand first. ``ingredient=short`` gives the name without its salt.
Nicknames are invented; they belong to no product.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_BANK = """
biguanide|双胍类降糖药|降糖|盐酸二甲双胍=二甲双胍/片,缓释片,肠溶片|二甲双胍格列本脲/片（Ⅰ）,胶囊|吡格列酮二甲双胍/片(15mg/850mg)
agi|α-糖苷酶抑制剂|降糖|阿卡波糖/片,胶囊,咀嚼片|伏格列波糖/片,分散片|米格列醇/片
su|磺脲类降糖药|降糖|格列美脲/片,分散片,胶囊|格列齐特/缓释片,片（Ⅱ）|格列喹酮/片,分散片|格列吡嗪/控释片|格列本脲/片
glinide|格列奈类降糖药|降糖|瑞格列奈/片,分散片|那格列奈/片,胶囊|米格列奈钙=米格列奈/片
tzd|噻唑烷二酮类降糖药|降糖|盐酸吡格列酮=吡格列酮/片,胶囊,分散片|西格列他钠/片|马来酸罗格列酮=罗格列酮/片
dpp4|DPP-4抑制剂|降糖|磷酸西格列汀=西格列汀/片|利格列汀/片|沙格列汀/片|维格列汀/片|苯甲酸阿格列汀=阿格列汀/片|西格列汀二甲双胍/片（Ⅱ）,片（Ⅰ）|利格列汀二甲双胍/片（Ⅰ）
sglt2|SGLT2抑制剂|降糖|达格列净/片,片(10mg)|恩格列净/片|卡格列净/片|脯氨酸恒格列净=恒格列净/片|艾托格列净/片
glp1|GLP-1受体激动剂|降糖|利拉鲁肽/注射液|司美格鲁肽/注射液,片|度拉糖肽/注射液|艾塞那肽/注射液|贝那鲁肽/注射液|聚乙二醇洛塞那肽=洛塞那肽/注射液
insbasal|基础胰岛素|降糖|甘精胰岛素/注射液,注射液(预填充),注射液（U300）|德谷胰岛素/注射液|地特胰岛素/注射液|精蛋白锌重组人胰岛素=中效胰岛素/注射液,注射液(笔芯)|德谷门冬双胰岛素/注射液
insrapid|速效胰岛素|降糖|门冬胰岛素/注射液,注射液(笔芯)|赖脯胰岛素/注射液,注射液(笔芯)|谷赖胰岛素/注射液|重组人胰岛素/注射液,注射液 (R 笔芯)|生物合成人胰岛素/注射液
insmix|预混胰岛素|降糖|门冬胰岛素30/注射液(笔芯),注射液|精蛋白重组人胰岛素混合/注射液(30/70),注射液（50R）|精蛋白锌重组赖脯胰岛素混合/注射液(25R),注射液(50R)|门冬胰岛素50/注射液|精蛋白生物合成人胰岛素/注射液(预混30R),注射液(预混50R)
statin|他汀类|调脂稳斑|阿托伐他汀钙=阿托伐他汀/片,胶囊,分散片,片(20mg)|瑞舒伐他汀钙=瑞舒伐他汀/片,胶囊,片(10mg)|辛伐他汀/片,胶囊|匹伐他汀钙=匹伐他汀/片|普伐他汀钠=普伐他汀/片|氟伐他汀钠=氟伐他汀/缓释片
lipid2|其他调脂药|调脂|依折麦布/片|非诺贝特/胶囊,片(Ⅲ)|苯扎贝特/片,缓释片|依洛尤单抗/注射液|阿利西尤单抗/注射液|普罗布考/片|依折麦布阿托伐他汀钙/片（Ⅱ）
antiplt|抗血小板药|抗血小板聚集|阿司匹林/肠溶片,肠溶胶囊,肠溶片(100mg)|硫酸氢氯吡格雷=氯吡格雷/片,片(75mg)|替格瑞洛/片,片(90mg)|吲哚布芬/片|西洛他唑/片|双嘧达莫/片
antcoag|口服抗凝药|抗凝|利伐沙班/片,片(15mg),胶囊|华法林钠=华法林/片,片(进口)|达比加群酯=达比加群/胶囊|艾多沙班/片|阿哌沙班/片
lmwh|肝素类|抗凝|依诺肝素钠=依诺肝素/注射液|低分子量肝素钙=低分子肝素/注射液|那屈肝素钙=那屈肝素/注射液|磺达肝癸钠=磺达肝癸/注射液
ccb|钙通道阻滞剂|降压|苯磺酸氨氯地平=氨氯地平/片,片(5mg),分散片|硝苯地平/控释片,缓释片（Ⅱ）,缓释片(Ⅰ)|苯磺酸左氨氯地平=左氨氯地平/片,分散片|非洛地平/缓释片|盐酸贝尼地平=贝尼地平/片|盐酸乐卡地平=乐卡地平/片
nondhp|非二氢吡啶类钙拮抗剂|控制心室率|盐酸地尔硫䓬=地尔硫䓬/片,缓释片,缓释胶囊（Ⅱ）|盐酸维拉帕米=维拉帕米/缓释片,片
acei|血管紧张素转换酶抑制剂|降压|培哚普利叔丁胺=培哚普利/片|盐酸贝那普利=贝那普利/片,胶囊|福辛普利钠=福辛普利/片|马来酸依那普利=依那普利/片|卡托普利/片|雷米普利/片
arb|血管紧张素Ⅱ受体拮抗剂|降压|缬沙坦/胶囊,片,分散片|厄贝沙坦/片,分散片|氯沙坦钾=氯沙坦/片,胶囊|替米沙坦/片,胶囊|奥美沙坦酯=奥美沙坦/片|坎地沙坦酯=坎地沙坦/片
fdc|单片复方降压药|降压|厄贝沙坦氢氯噻嗪/片,分散片,胶囊|缬沙坦氨氯地平/片（Ⅰ）,片(Ⅱ)|氯沙坦钾氢氯噻嗪/片|培哚普利氨氯地平/片（Ⅲ）|缬沙坦氢氯噻嗪/片|氨氯地平贝那普利/片（Ⅱ）
arni|血管紧张素受体脑啡肽酶抑制剂|改善心功能|沙库巴曲缬沙坦钠=沙库巴曲缬沙坦/片,片(50mg),片(100mg)
bb|β受体阻滞剂|控制心率|琥珀酸美托洛尔=美托洛尔/缓释片,缓释片(47.5mg)|酒石酸美托洛尔/片,缓释片|富马酸比索洛尔=比索洛尔/片,胶囊|阿罗洛尔/片|卡维地洛/片|阿替洛尔/片
alphab|α受体阻滞剂|降压|多沙唑嗪/缓释片,片|特拉唑嗪/片,胶囊|盐酸哌唑嗪=哌唑嗪/片|盐酸乌拉地尔=乌拉地尔/缓释胶囊,缓释片
loop|袢利尿药|利尿|呋塞米/片|托拉塞米/片,胶囊|布美他尼/片
mra|醛固酮受体拮抗剂|利尿|螺内酯/片,胶囊|非奈利酮/片|依普利酮/片
thiazide|噻嗪类利尿药|利尿|氢氯噻嗪/片|吲达帕胺/片,缓释片|托伐普坦/片|复方阿米洛利/片|美托拉宗/片
nitrate|硝酸酯类|扩冠|单硝酸异山梨酯/缓释片,片,缓释胶囊,胶囊(20mg)|硝酸异山梨酯/片,缓释片|硝酸甘油/片,气雾剂|戊四硝酯/片
antiang|抗心绞痛药|改善心肌代谢|盐酸曲美他嗪=曲美他嗪/片,缓释片,胶囊|尼可地尔/片|盐酸伊伐布雷定=伊伐布雷定/片|辅酶Q10/片,胶囊|雷诺嗪/缓释片
antiarr|抗心律失常药|抗心律失常|盐酸胺碘酮=胺碘酮/片,胶囊|盐酸普罗帕酮=普罗帕酮/片,胶囊|稳心/颗粒,颗粒(无糖)|参松养心/胶囊|盐酸美西律=美西律/片|盐酸索他洛尔=索他洛尔/片
digoxin|强心苷|强心|地高辛/片,口服溶液|甲地高辛/片
tcmheart|活血通脉中成药|活血化瘀|复方丹参/滴丸,片,颗粒|麝香保心/丸|通心络/胶囊,片|速效救心/丸|银杏叶/片|血塞通/片
neurotr|神经营养药|营养神经|甲钴胺/片,胶囊,分散片,片 (0.5mg)|硫辛酸/片,胶囊|依帕司他/片,胶囊|维生素B1、B6、B12/片|维生素B1/片|维生素B6/片
neurop|神经痛治疗药|止痛|普瑞巴林/胶囊,缓释片,口服溶液|加巴喷丁/胶囊,片|盐酸度洛西汀=度洛西汀/肠溶胶囊,肠溶片|卡马西平/片,缓释胶囊|奥卡西平/片
retina|眼底病用药|改善微循环|羟苯磺酸钙/胶囊,分散片,片|递法明/片|芪明/颗粒|复方樟柳碱/注射液|迈之灵/片|和血明目/片
renal|肾病用药|保护肾功能|复方α-酮酸=α-酮酸/片|百令/胶囊,片|金水宝/胶囊,片|尿毒清/颗粒,颗粒（无糖）|肾炎康复/片|黄葵/胶囊
phosbind|磷结合剂|降磷|碳酸司维拉姆=司维拉姆/片|碳酸镧/咀嚼片,颗粒|醋酸钙/片,胶囊|蔗糖羟基氧化铁/咀嚼片
pth|甲旁亢用药|调节钙磷代谢|盐酸西那卡塞=西那卡塞/片|帕立骨化醇/软胶囊|盐酸依特卡肽=依特卡肽/注射液
hif|肾性贫血用药|纠正贫血|罗沙司他/胶囊,胶囊(20mg),胶囊(50mg)|重组人促红素/注射液,注射液(CHO细胞)|恩那度司他/片|达依泊汀α/注射液
iron|补血药|纠正贫血|多糖铁复合物/胶囊|琥珀酸亚铁/片,缓释片|富马酸亚铁/片,胶囊|蛋白琥珀酸铁/口服溶液|硫酸亚铁/片|叶酸/片,片(5mg)
bicarb|酸碱平衡调节药|纠正酸中毒|碳酸氢钠/片,片(0.5g)|聚苯乙烯磺酸钙/散|环硅酸锆钠=锆钠/散|枸橼酸氢钾钠/颗粒|聚苯乙烯磺酸钠/散
potass|补钾药|补钾|氯化钾/缓释片,颗粒,缓释片 (0.5g)|枸橼酸钾/颗粒,口服溶液|门冬氨酸钾镁/片,口服溶液
urate|降尿酸药|降尿酸|非布司他/片,片(40mg),胶囊|苯溴马隆/片,胶囊|别嘌醇/片,缓释胶囊|丙磺舒/片
colch|痛风急性期用药|抗炎止痛|秋水仙碱/片|痛风定/胶囊,片|痛风舒/片
calcium|钙剂|补钙|碳酸钙D3=碳酸钙/片（Ⅰ）,片(Ⅱ),咀嚼片|碳酸钙/片,胶囊|葡萄糖酸钙/片,口服溶液|维D钙/咀嚼片|钙、镁、锌/咀嚼片|枸橼酸钙/片
vitd|维生素D类|抗骨质疏松|骨化三醇/软胶囊,胶丸|阿法骨化醇/软胶囊,片|维生素D2/软胶囊|维生素D3/滴剂,注射液|维生素AD/软胶囊|艾地骨化醇/软胶囊
bone|抗骨质疏松药|抗骨质疏松|阿仑膦酸钠/片,肠溶片|唑来膦酸/注射液|利塞膦酸钠/片|盐酸雷洛昔芬=雷洛昔芬/片|仙灵骨葆/胶囊|特立帕肽/注射液
ppi|质子泵抑制剂|抑酸护胃|泮托拉唑钠=泮托拉唑/肠溶片,肠溶胶囊|雷贝拉唑钠=雷贝拉唑/肠溶片,肠溶胶囊|奥美拉唑/肠溶胶囊,肠溶片|埃索美拉唑镁=埃索美拉唑/肠溶片,肠溶胶囊|兰索拉唑/肠溶片|艾普拉唑/肠溶片
mucosa|胃黏膜保护药|保护胃黏膜|铝碳酸镁/咀嚼片,片,混悬液|瑞巴派特/片,胶囊|替普瑞酮/胶囊,片|胶体果胶铋/胶囊,干混悬剂|枸橼酸铋钾/胶囊|硫糖铝/混悬凝胶
prokin|胃肠动力药|促胃肠动力|枸橼酸莫沙必利=莫沙必利/片,分散片,胶囊|多潘立酮/片,混悬液|盐酸伊托必利=伊托必利/片,分散片|马来酸曲美布汀=曲美布汀/片,分散片|匹维溴铵/片|西甲硅油/乳剂
laxat|通便药|通便|乳果糖/口服溶液,散|聚乙二醇4000/散|开塞露/(含甘油)|麻仁/软胶囊,丸|番泻叶/颗粒|普芦卡必利/片
probio|微生态制剂|调节肠道菌群|双歧杆菌三联活菌/肠溶胶囊,散,胶囊|双歧杆菌四联活菌/片|枯草杆菌二联活菌/肠溶胶囊,颗粒|布拉氏酵母菌/散|酪酸梭菌活菌/片|地衣芽孢杆菌活菌/胶囊
hepato|保肝药|保肝|多烯磷脂酰胆碱/胶囊|复方甘草酸苷/片,胶囊|甘草酸二铵/肠溶胶囊,胶囊|水飞蓟宾/胶囊|双环醇/片|谷胱甘肽/片
antihbv|抗乙肝病毒药|抗病毒|恩替卡韦/分散片,片,胶囊|富马酸替诺福韦二吡呋酯=替诺福韦/片,胶囊|富马酸丙酚替诺福韦=丙酚替诺福韦/片|阿德福韦酯/片,胶囊|拉米夫定/片|艾米替诺福韦/片
thyroid|甲状腺激素|替代治疗|左甲状腺素钠=左甲状腺素/片,片(50μg)|甲状腺/片
antithy|抗甲状腺药|抗甲状腺|甲巯咪唑/片,乳膏|丙硫氧嘧啶/片,肠溶胶囊|碳酸锂/片
steroid|糖皮质激素|抗炎|醋酸泼尼松=泼尼松/片|甲泼尼龙/片|醋酸地塞米松=地塞米松/片|醋酸泼尼松龙=泼尼松龙/片|醋酸氢化可的松=氢化可的松/片
immuno|免疫抑制剂|免疫抑制|硫酸羟氯喹=羟氯喹/片|甲氨蝶呤/片|来氟米特/片|吗替麦考酚酯/胶囊,片|他克莫司/胶囊|环孢素/软胶囊
inhaled|吸入制剂|平喘|布地奈德福莫特罗/吸入粉雾剂(160μg/4.5μg),吸入粉雾剂(Ⅱ)|沙美特罗替卡松/吸入粉雾剂（50μg/250μg）,吸入气雾剂|噻托溴铵/吸入粉雾剂,喷雾剂|布地格福/吸入气雾剂|氟替美维/吸入粉雾剂|乌美溴铵维兰特罗/吸入粉雾剂
xanthine|茶碱类及白三烯拮抗剂|平喘|多索茶碱/片,胶囊|茶碱/缓释片,缓释胶囊|孟鲁司特钠=孟鲁司特/片,咀嚼片|氨茶碱/片,缓释片|盐酸丙卡特罗=丙卡特罗/片|妥洛特罗/贴剂
mucolyt|祛痰药|化痰|盐酸氨溴索=氨溴索/片,口服溶液,缓释胶囊|乙酰半胱氨酸/胶囊,泡腾片|桉柠蒎/肠溶软胶囊|羧甲司坦/片,口服溶液|标准桃金娘油/肠溶胶囊|氨溴特罗/口服溶液
cough|止咳药|止咳|复方甘草/片,口服溶液|强力枇杷/露,胶囊|苏黄止咳/胶囊|枸橼酸喷托维林=喷托维林/片|右美沙芬/片|肺力咳/合剂
quinol|喹诺酮类抗菌药|抗感染|左氧氟沙星/片,胶囊,片(0.5g)|盐酸莫西沙星=莫西沙星/片|环丙沙星/片,缓释片|诺氟沙星/胶囊|奈诺沙星/胶囊
cepha|头孢菌素类|抗感染|头孢克洛/缓释片,胶囊,干混悬剂|头孢呋辛酯=头孢呋辛/片,胶囊|头孢地尼/胶囊,分散片|头孢克肟/胶囊,分散片|头孢丙烯/片|盐酸头孢他美酯=头孢他美/片
penic|青霉素类|抗感染|阿莫西林/胶囊,分散片|阿莫西林克拉维酸钾=阿莫西林克拉维酸/片,分散片|法罗培南钠=法罗培南/片,胶囊
macro|大环内酯类|抗感染|克拉霉素/片,缓释片,胶囊|阿奇霉素/片,胶囊|罗红霉素/片,胶囊|琥乙红霉素/片
otheranti|其他抗感染药|抗感染|甲硝唑/片|奥硝唑/片,胶囊|呋喃妥因/肠溶片|磷霉素氨丁三醇=磷霉素/散|盐酸多西环素=多西环素/片|复方磺胺甲噁唑/片
antifung|抗真菌药|抗真菌|氟康唑/胶囊,片|伏立康唑/片,胶囊|伊曲康唑/胶囊,口服液|制霉菌素/片|盐酸特比萘芬=特比萘芬/片
antiviral|抗病毒药|抗病毒|盐酸伐昔洛韦=伐昔洛韦/片,胶囊|阿昔洛韦/片,乳膏|更昔洛韦/胶囊|泛昔洛韦/片|磷酸奥司他韦=奥司他韦/胶囊
antitb|抗结核药|抗结核|异烟肼/片|利福平/胶囊|吡嗪酰胺/片|盐酸乙胺丁醇=乙胺丁醇/片|利福喷丁/胶囊|异福/胶囊
bph|前列腺用药|改善排尿|盐酸坦索罗辛=坦索罗辛/缓释胶囊|非那雄胺/片,胶囊|度他雄胺/软胶囊|赛洛多辛/胶囊|前列舒通/胶囊|普适泰/片
sedat|镇静催眠药|改善睡眠|艾司唑仑/片|右佐匹克隆/片|阿普唑仑/片|酒石酸唑吡坦=唑吡坦/片|佐匹克隆/片|劳拉西泮/片
antidep|抗抑郁焦虑药|抗焦虑抑郁|草酸艾司西酞普兰=艾司西酞普兰/片|盐酸舍曲林=舍曲林/片,胶囊|氟哌噻吨美利曲辛/片|盐酸帕罗西汀=帕罗西汀/片,肠溶缓释片|米氮平/片|盐酸文拉法辛=文拉法辛/缓释胶囊
antipsy|抗精神病药|镇静|富马酸喹硫平=喹硫平/片,缓释片|奥氮平/片,口崩片|利培酮/片|阿立哌唑/片|奋乃静/片
epilepsy|抗癫痫药|抗癫痫|丙戊酸钠=丙戊酸/缓释片（Ⅰ）,片,口服溶液|左乙拉西坦/片,口服溶液|拉莫三嗪/片|托吡酯/片|苯妥英钠=苯妥英/片|苯巴比妥/片
parkin|抗帕金森药|抗帕金森|多巴丝肼/片,胶囊|盐酸普拉克索=普拉克索/片,缓释片|恩他卡朋/片|卡左双多巴/控释片|盐酸司来吉兰=司来吉兰/片|吡贝地尔/缓释片
dement|抗痴呆药|改善认知|盐酸多奈哌齐=多奈哌齐/片,口崩片|盐酸美金刚=美金刚/片,口服溶液|奥拉西坦/胶囊|吡拉西坦/片,胶囊|重酒石酸卡巴拉汀/胶囊|甘露特钠/胶囊
cerebral|脑循环改善药|改善脑循环|丁苯酞/软胶囊|尼莫地平/片,缓释片|胞磷胆碱钠=胞磷胆碱/片,胶囊|盐酸氟桂利嗪=氟桂利嗪/胶囊,片|甲磺酸倍他司汀=倍他司汀/片|盐酸倍他司汀/片
nsaid|非甾体抗炎药|止痛|塞来昔布/胶囊|双氯芬酸钠=双氯芬酸/缓释片,缓释胶囊|布洛芬/缓释胶囊,片|洛索洛芬钠=洛索洛芬/片,贴剂|美洛昔康/片|依托考昔/片
opioid|镇痛药|镇痛|盐酸曲马多=曲马多/缓释片,片|氨酚羟考酮/片|盐酸羟考酮=羟考酮/缓释片|硫酸吗啡=吗啡/缓释片|芬太尼/透皮贴剂|氨酚曲马多/片
joint|骨关节用药|改善关节功能|硫酸氨基葡萄糖=氨基葡萄糖/胶囊,片|盐酸氨基葡萄糖/片,胶囊|双醋瑞因/胶囊|活血止痛/胶囊,膏|腰痹通/胶囊|颈复康/颗粒
antihist|抗组胺药|抗过敏|氯雷他定/片,胶囊,糖浆|盐酸西替利嗪=西替利嗪/片,滴剂|依巴斯汀/片|枸地氯雷他定/片|盐酸左西替利嗪=左西替利嗪/片|富马酸酮替芬=酮替芬/片
eye|眼科用药|滴眼|玻璃酸钠/滴眼液,滴眼液(0.3%)|左氧氟沙星滴眼/液|布林佐胺/滴眼液|拉坦前列素/滴眼液|妥布霉素地塞米松/滴眼液|吡嘧司特钾/滴眼液
onco|抗肿瘤药|抗肿瘤|吉非替尼/片|甲磺酸奥希替尼=奥希替尼/片|盐酸埃克替尼=埃克替尼/片|卡培他滨/片|来曲唑/片|阿那曲唑/片
nutri|营养及免疫调节药|营养支持|多种维生素/片（21）,片(29)|维生素C/片,泡腾片|维生素E/软胶囊|整蛋白型肠内营养剂/(粉剂)|肠内营养/粉剂(TP)|复方氨基酸/胶囊(8-11)
"""

_INTERACTIONS = """
antcoag antiplt moderate .8; antcoag nsaid major 1; antcoag lmwh major 1; antcoag antcoag major 1
antcoag antifung major .6; antcoag antiarr moderate .6; antcoag antitb major .6; antcoag epilepsy moderate .5
antcoag macro moderate .5; antcoag quinol moderate .4; antcoag tcmheart minor .3; lmwh antiplt moderate .4
lmwh nsaid major .7; antiplt nsaid moderate .7; antiplt ppi moderate .3; antiplt tcmheart minor .05
acei arb major 1; acei acei major 1; arb arb major 1; acei mra moderate .8; acei potass moderate .7; acei arni major 1
arb mra moderate .6; arb potass moderate .5; arb nsaid minor .4; acei nsaid moderate .5; arb arni major 1
mra potass major .9; mra arni moderate .3; fdc acei major .8; fdc arb major .8; fdc potass minor .3
bb nondhp major 1; bb bb major 1; bb insrapid minor .3; bb insbasal minor .15; bb su minor .3; bb inhaled moderate .2; bb xanthine minor .3
digoxin antiarr major .7; digoxin loop moderate .8; digoxin nondhp major .8; digoxin macro major .6
digoxin bb minor .4; digoxin mra minor .5; nondhp statin moderate .5; ccb macro moderate .4; ccb bb minor .2
statin macro major .7; statin antifung major .7; statin lipid2 moderate .35; statin statin major 1
statin antiarr moderate .4; statin immuno moderate .3; statin antitb moderate .5; statin ccb minor .3
statin colch moderate .4; su glinide moderate .8; su su major 1; su quinol moderate .6; su antifung moderate .7
insbasal su moderate .5; insmix su minor .5; insmix insbasal moderate .7; insmix insrapid moderate .7
insbasal quinol minor .4; insmix quinol minor .4; glp1 dpp4 moderate 1; dpp4 dpp4 major 1; biguanide sglt2 minor .1
quinol calcium moderate .5; quinol iron moderate .6; quinol nsaid moderate .5; quinol antiarr major .7
quinol steroid minor .5; quinol quinol major 1; quinol xanthine moderate .7; quinol antipsy major .4
macro xanthine moderate .8; macro antiarr major .7; thyroid calcium moderate .6; thyroid iron moderate .7
thyroid ppi minor .4; thyroid mucosa minor .3; calcium vitd minor .12; calcium phosbind moderate .3
antidep antidep major .8; antidep opioid major .7; antidep nsaid moderate .5; antidep parkin major .4
antidep antiplt moderate .3; sedat opioid major .8; sedat sedat moderate .8; sedat antipsy moderate .6
sedat antifung moderate .4; epilepsy sedat moderate .3; epilepsy epilepsy moderate .5; parkin antipsy major .7
parkin prokin minor .3; immuno antifung major .7; immuno nsaid moderate .6; immuno urate major .4; immuno immuno minor .3
immuno potass moderate .5; steroid nsaid moderate .7; steroid loop minor .3; steroid thiazide minor .4; ppi ppi major 1
steroid antifung moderate .4; steroid antitb moderate .5; nsaid nsaid major 1; nsaid loop minor .5; nsaid opioid minor .2
antitb antifung moderate .6; antitb antihbv minor .4; loop thiazide moderate .3; xanthine antitb minor .5
nitrate alphab minor .4; alphab bph moderate .5; bph nitrate minor .1; antihist sedat minor .4; cough opioid moderate .4
onco antcoag major .5; onco ppi moderate .4; onco antifung moderate .5; urate antiplt minor .1; neurop sedat moderate .3
neurop opioid major .7; bicarb calcium minor .4; potass potass moderate .6; hepato immuno minor .1; iron calcium minor .2
"""

_N_EVERYDAY = 30
SEVERITIES = ("minor", "moderate", "major")
_SALTS = ("盐酸", "硫酸", "酒石酸", "富马酸", "马来酸", "苯磺酸", "枸橼酸", "琥珀酸", "甲磺酸", "磷酸")
_FIRST, _MIDDLE, _LAST = "恒锐舒诺迈卓宜博朗优", "维力欣同思伦畅可尔安", "宁泰康平达立适妥欣络"


@dataclass(frozen=True)
class Drug:
    """One candidate: its full name, what people call it, its class, and how common it is."""

    name: str
    ingredient: str
    short: str
    nickname: str
    group: str
    weight: int


@dataclass(frozen=True)
class Group:
    """A therapeutic class: key, Chinese name, what the drugs are given for, the drugs."""

    key: str
    title: str
    purpose: str
    drugs: tuple[Drug, ...]


@lru_cache(maxsize=1)
def formulary() -> dict[str, Group]:
    """The classes with their drugs; weights are whole numbers, so that every machine draws alike.

    The first ingredients of the everyday classes outweigh the others more than those of the rare classes do.

    Examples
    --------
    >>> sum(len(group.drugs) for group in formulary().values())
    651
    >>> formulary()["biguanide"].drugs[0].name
    '盐酸二甲双胍片'
    """
    groups: dict[str, Group] = {}
    counter = 0
    for place_of_class, line in enumerate(_BANK.strip().splitlines()):
        steep, least = (6.0, 7000) if place_of_class < _N_EVERYDAY else (2.6, 60000)
        key, title, purpose, *items = line.split("|")
        drugs = []
        for rank, item in enumerate(items, start=1):
            called, _, forms = item.partition("/")
            ingredient, _, short = called.partition("=")
            short = short or next((ingredient[len(s) :] for s in _SALTS if ingredient.startswith(s)), ingredient)
            if not called.partition("=")[2] and len(short) < 3:
                short = ingredient
            counter += 1
            nickname = ""
            if counter % 5 in (0, 2):
                nickname = _FIRST[counter % 10] + _MIDDLE[counter // 10 % 10] + _LAST[(counter + counter // 100) % 10]
            for place, form in enumerate(forms.split(","), start=1):
                weight = least + round(1e6 / (rank**steep * place**steep))
                drugs.append(Drug(ingredient + form, ingredient, short, nickname, key, weight))
        groups[key] = Group(key, title, purpose, tuple(drugs))
    return groups


def interactions() -> list[tuple[str, str, str]]:
    """Pairs of drugs that interact, each once, with their severity.

    Rules hold between classes; of the pairs of ingredients under a rule a fixed share is kept, and then
    all their forms interact.
    """
    groups = formulary()
    coin = np.random.default_rng(651)
    severity_of: dict[tuple[str, str], int] = {}
    for rule in filter(None, (part.strip() for part in _INTERACTIONS.replace("\n", ";").split(";"))):
        left, right, severity, share = rule.split()
        kept: dict[tuple[str, str], bool] = {}
        for one in groups[left].drugs:
            for two in groups[right].drugs:
                if one.ingredient == two.ingredient or (left == right and one.name >= two.name):
                    continue
                pair = (one.ingredient, two.ingredient)
                if left == right:
                    pair = (min(pair), max(pair))
                if pair not in kept:
                    kept[pair] = bool(coin.random() < float(share))
                if kept[pair]:
                    severity_of[min(one.name, two.name), max(one.name, two.name)] = SEVERITIES.index(severity)
    return [(one, two, SEVERITIES[level]) for (one, two), level in sorted(severity_of.items())]
