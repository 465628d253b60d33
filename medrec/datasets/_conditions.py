"""Word bank of the generated records: what patients have, what the laboratory shows, what is given for it."""

from dataclasses import dataclass
from functools import lru_cache

# key | names, most common first | base rate | weight as reason of admission | boosts of earlier conditions
# | complaint | classes with the share of patients who take them | given in hospital only | flags it brings
_CONDITIONS = """
dm|2型糖尿病,2型糖尿病伴血糖控制不佳,糖尿病|.48|3||口干、多饮、多尿|biguanide:.76 agi:.64 sglt2:.64 insbasal:.45 dpp4:.2 su:.16 insmix:.16 insrapid:.14 glinide:.08 tzd:.08 glp1:.12 statin:.62|胰岛素泵持续皮下输注,门冬胰岛素静脉泵入|hba1c_high:.6 ldl_high:.25
htn|高血压病3级（极高危）,高血压病,高血压2级,原发性高血压|.44|1.6|dm:1.25|头晕、头胀|ccb:.74 arb:.66 fdc:.13 bb:.16 acei:.1 thiazide:.08 alphab:.05|硝普钠静脉泵入,乌拉地尔静滴|bp_high:.5
lipid|高脂血症,混合型高脂血症,血脂异常|.11|.3|dm:1.8 htn:1.4|发现血脂升高|statin:.85 lipid2:.22||ldl_high:.7
chd|冠状动脉粥样硬化性心脏病,冠心病 不稳定型心绞痛,冠心病|.17|2|dm:1.5 htn:1.7|胸闷、胸痛|antiplt:.95 statin:.93 bb:.72 nitrate:.62 antiang:.25 tcmheart:.25 acei:.1 ppi:.16|硝酸甘油静脉泵入,丹红注射液静滴,低分子肝素皮下注射|ldl_high:.3
pci|冠状动脉支架植入术后,陈旧性心肌梗死|.015|.6|chd:9|活动后胸痛|antiplt:.95 statin:.95 bb:.7 ppi:.4 lipid2:.25|替罗非班静脉泵入|
hf|慢性心力衰竭急性加重,心力衰竭,心功能不全|.018|2.5|chd:4 htn:1.6|活动后气促、双下肢水肿|loop:.8 mra:.78 arni:.55 bb:.62 sglt2:.3 digoxin:.14 potass:.4 antiang:.15|西地兰静推,重组人脑利钠肽静脉泵入,呋塞米静推|bnp_high:.85 k_low:.2
af|心房颤动,阵发性心房颤动|.022|1.3|hf:4 chd:2 htn:1.6|心悸|antcoag:.8 bb:.62 antiarr:.28 digoxin:.1 nondhp:.05|胺碘酮静脉泵入,西地兰静推|
ckd|慢性肾脏病3期,慢性肾功能不全,慢性肾脏病4期,慢性肾脏病5期|.048|2|dm:2 htn:2.2|乏力、夜尿增多|renal:.75 bicarb:.5 hif:.4 phosbind:.16 ccb:.35 vitd:.25 calcium:.2 loop:.12|前列地尔静滴,血液透析|egfr_low:.92 hb_low:.5 ua_high:.4
dn|糖尿病肾病,糖尿病性肾病G3A3期|.00072|1|dm:75 ckd:2|泡沫尿|arb:.3 renal:.5 sglt2:.3 mra:.08|前列地尔静滴|egfr_low:.45
dpn|糖尿病周围神经病变,2型糖尿病性周围神经病变|.00072|1.2|dm:260|四肢麻木、疼痛|neurotr:.9 neurop:.3 retina:.1|硫辛酸静滴,依帕司他口服|
dr|糖尿病性视网膜病变,糖尿病视网膜病变（增殖期）|.00072|.3|dm:130|视物模糊|retina:.6 eye:.08|激光光凝|
foot|糖尿病足,糖尿病足感染|.0005|2|dpn:70|足部破溃|antiplt:.4 quinol:.2 cepha:.15 tcmheart:.2|哌拉西林他唑巴坦静滴,局部清创换药|wbc_high:.6 alb_low:.4
pad|下肢动脉粥样硬化,下肢动脉硬化闭塞症,颈动脉粥样硬化|.03|.5|dm:2.5 chd:1.8|下肢发凉、间歇性跛行|antiplt:.7 statin:.75 tcmheart:.14|前列地尔静滴|
stroke|脑梗死,陈旧性脑梗死,脑梗死恢复期|.077|2.2|htn:2 af:1.8 dm:1.3|言语不清、肢体无力|antiplt:.88 statin:.88 cerebral:.6 tcmheart:.16|依达拉奉静滴,丁苯酞氯化钠静滴,尿激酶静滴|
gout|痛风,高尿酸血症,痛风性关节炎|.035|1|ckd:2.2 htn:1.4|关节红肿热痛|urate:.6 colch:.24 bicarb:.24 nsaid:.14|地塞米松静推|ua_high:.85
fatty|脂肪肝,非酒精性脂肪性肝病|.054|.1|dm:1.9 lipid:1.7|右上腹不适|hepato:.14|异甘草酸镁静滴|alt_high:.3
op|骨质疏松症,骨质疏松,重度骨质疏松伴病理性骨折|.034|.9||腰背痛|calcium:.8 vitd:.7 bone:.45|鲑降钙素肌注|
oa|膝关节骨性关节炎,腰椎间盘突出症,颈椎病|.034|1|op:1.8|关节疼痛、活动受限|nsaid:.45 joint:.42 opioid:.12 neurotr:.14|甘露醇静滴,玻璃酸钠关节腔注射|
anemia|缺铁性贫血,贫血,肾性贫血|.024|.6|ckd:5|乏力、面色苍白|iron:.68 hif:.16|蔗糖铁静滴,输注红细胞|hb_low:.95
hypothy|甲状腺功能减退症,亚临床甲状腺功能减退|.03|.5||乏力、怕冷|thyroid:.82||tsh_high:.7
hyperthy|甲状腺功能亢进症,毒性弥漫性甲状腺肿|.025|2||心悸、多汗、消瘦|antithy:.85 bb:.4 iron:.12|氢化可的松静滴|
hbv|慢性乙型病毒性肝炎,乙型肝炎肝硬化,肝硬化失代偿期|.03|1.6||乏力、纳差、腹胀|antihbv:.72 hepato:.45 mra:.16 loop:.12 bb:.06|异甘草酸镁静滴,人血白蛋白静滴|alt_high:.6 alb_low:.3
gast|慢性胃炎,慢性萎缩性胃炎,反流性食管炎,十二指肠溃疡|.051|1.2|chd:1.3|上腹部不适、反酸|ppi:.78 mucosa:.55 prokin:.3 probio:.05|泮托拉唑静滴,奥美拉唑静滴|
constip|便秘,功能性便秘|.036|.2|stroke:1.8 dm:1.3|排便困难|laxat:.66 probio:.25|开塞露灌肠|
copd|慢性阻塞性肺疾病急性加重,慢性阻塞性肺疾病|.041|3||咳嗽、咳痰、气促|inhaled:.85 mucolyt:.65 xanthine:.55 steroid:.2 quinol:.2 cepha:.08 cough:.1|甲泼尼龙静滴,头孢哌酮舒巴坦静滴,多索茶碱静滴,氨溴索静推|wbc_high:.45
asthma|支气管哮喘,支气管哮喘急性发作|.018|2.2||喘息|inhaled:.8 xanthine:.58 antihist:.2 steroid:.22 mucolyt:.2|甲泼尼龙静滴,二羟丙茶碱静滴|
bph|良性前列腺增生,前列腺增生|.043|.8||尿频、排尿困难|bph:.78||
depr|抑郁状态,焦虑状态,焦虑抑郁状态|.03|.7||情绪低落、心烦|antidep:.72 sedat:.35 antipsy:.12||
insom|失眠,睡眠障碍|.039|.2|depr:4 stroke:1.3|睡眠差|sedat:.66 antidep:.08 antipsy:.05|地西泮肌注|
pd|帕金森病|.015|2||肢体震颤、行动迟缓|parkin:.95 dement:.1 prokin:.1||
dement|阿尔茨海默病,血管性痴呆|.02|1|stroke:3|记忆力减退|dement:.78 cerebral:.22 antipsy:.16|奥拉西坦静滴|
epi|癫痫,症状性癫痫|.015|2|stroke:2.5|发作性意识丧失、抽搐|epilepsy:.95|丙戊酸钠静脉泵入|
ra|类风湿关节炎,系统性红斑狼疮,干燥综合征|.018|2.5||多关节肿痛|immuno:.8 steroid:.56 nsaid:.4 calcium:.4 vitd:.25 ppi:.2|甲泼尼龙静滴|
neph|肾病综合征,IgA肾病,慢性肾小球肾炎|.025|3||双下肢水肿、泡沫尿|steroid:.6 immuno:.42 arb:.36 renal:.4 statin:.3 calcium:.4 antiplt:.2 lmwh:.1|低分子肝素皮下注射,人血白蛋白静滴|alb_low:.75
tb|肺结核,继发性肺结核|.012|3|dm:1.8|低热、盗汗、咳嗽|antitb:.95 hepato:.5 iron:.1|异烟肼静滴|alt_high:.25
onco|肺恶性肿瘤,结肠恶性肿瘤,乳腺恶性肿瘤,胃恶性肿瘤|.021|2.5||体重下降|onco:.6 opioid:.32 nutri:.3 ppi:.15 iron:.12|紫杉醇静滴,顺铂静滴|hb_low:.5 alb_low:.4
dvt|下肢深静脉血栓形成,肺栓塞|.012|2.5|onco:4|下肢肿胀|antcoag:.88 tcmheart:.16|低分子肝素皮下注射|
shpt|继发性甲状旁腺功能亢进症|.001|.2|ckd:70|骨痛|pth:.5 vitd:.5 phosbind:.45 calcium:.2||
vertigo|眩晕综合征,良性阵发性位置性眩晕,后循环缺血|.03|1.6|htn:1.5|头晕、视物旋转|cerebral:.78 antiplt:.2 neurotr:.08|天麻素静滴,异丙嗪肌注|
glauc|干眼症,青光眼,老年性白内障|.03|.2|dm:1.6|眼干、眼涩|eye:.5||
"""

# acute at a visit: chronic conditions that call them raise the rate
_ACUTE = """
pneu|肺部感染,社区获得性肺炎,肺炎|.068|4|copd:2.5 hf:2 stroke:1.5|发热、咳嗽、咳痰|mucolyt:.72 quinol:.4 cepha:.24 penic:.08 macro:.06 cough:.22|头孢哌酮舒巴坦静滴,莫西沙星静滴,哌拉西林他唑巴坦静滴,氨溴索静推|wbc_high:.75 alb_low:.2
uti|泌尿道感染,尿路感染,急性肾盂肾炎|.06|2|dm:1.6 bph:1.5|尿频、尿急、尿痛|otheranti:.36 quinol:.34 cepha:.25 penic:.05|左氧氟沙星静滴,头孢曲松静滴|wbc_high:.5
uri|急性上呼吸道感染,急性支气管炎|.05|1|asthma:2|咽痛、流涕|cough:.5 mucolyt:.3 cepha:.2 antiviral:.14 antihist:.2|热毒宁静滴|
hypok|低钾血症|.05|.4|hf:2|乏力|potass:.75|氯化钾静滴|k_low:.95
fungal|真菌感染,口腔念珠菌感染|.008|.3|neph:3 onco:3 ra:3|口腔白斑|antifung:.75 probio:.1|氟康唑静滴|
zoster|带状疱疹|.012|1.5|onco:3 ra:2|皮肤疱疹伴疼痛|antiviral:.7 neurop:.6 neurotr:.5|阿昔洛韦静滴|
diarr|急性胃肠炎,腹泻|.03|1||腹痛、腹泻|probio:.72 quinol:.12 ppi:.2|补液|k_low:.3
gib|上消化道出血|.012|3|hbv:4 gast:2.5|黑便|ppi:.9 mucosa:.4 iron:.35|生长抑素静脉泵入,艾司奥美拉唑静脉泵入|hb_low:.85
urtic|荨麻疹,过敏性皮炎,过敏性鼻炎|.04|.5|asthma:2.5|皮肤瘙痒、皮疹|antihist:.76 steroid:.08|地塞米松静推|
malnut|低蛋白血症,营养不良|.04|.2|onco:4 neph:2.5 ckd:2|纳差|nutri:.5|人血白蛋白静滴|alb_low:.95
"""

_FLAGS = """
hba1c_high|糖化血红蛋白|%|5.4 6.9|7.6 13.2|insbasal:1.6 insrapid:1.5 insmix:1.5 glp1:1.3 sglt2:1.2
ldl_high|低密度脂蛋白|mmol/L|1.3 2.5|3.2 5.6|statin:1.3 lipid2:2
bp_high|入院血压收缩压|mmHg|112 136|152 196|ccb:1.25 fdc:1.4 arb:1.1 thiazide:1.5 alphab:2
egfr_low|肾小球滤过率|ml/min|72 118|11 48|biguanide:.1 sglt2:.3 agi:.6 renal:1.3 dpp4:1.5 acei:.3 arb:.6 insbasal:1.3 mra:.4 urate:1.2 nsaid:.2
hb_low|血红蛋白|g/L|122 158|58 96|iron:1.5 hif:1.5 antiplt:.85
ua_high|血尿酸|μmol/L|210 380|462 690|urate:1.5 thiazide:.3 bicarb:1.3
bnp_high|NT-proBNP|pg/ml|35 210|1260 9800|loop:1.3 mra:1.2 arni:1.3 ccb:.6 tzd:.05
k_low|血钾|mmol/L|3.8 4.9|2.5 3.3|potass:3 thiazide:.3
alt_high|谷丙转氨酶|U/L|11 36|78 310|hepato:2 statin:.5 antitb:.8
alb_low|白蛋白|g/L|38 46|21 31|nutri:2
wbc_high|白细胞|×10^9/L|4.3 8.9|11.2 21.4|quinol:1.4 cepha:1.4 penic:1.4
tsh_high|促甲状腺激素|mIU/L|0.9 3.8|7.5 58|thyroid:1.2
"""

# why a drug of a class is stopped, and the class that takes its place ("-": none, "=": another of the class)
REASONS: dict[str, tuple[tuple[str, str], ...]] = {
    "acei": (("干咳", "arb"), ("干咳", "arb"), ("血肌酐升高", "ccb")),
    "statin": (("肌酸激酶升高", "="), ("转氨酶升高", "="), ("肌肉酸痛", "lipid2")),
    "ccb": (("双下肢水肿", "arb"), ("头痛、面部潮红", "=")),
    "biguanide": (("胃肠道反应", "agi"), ("肾功能下降", "dpp4"), ("腹泻", "=")),
    "su": (("反复低血糖", "dpp4"), ("低血糖", "glinide")),
    "insmix": (("夜间低血糖", "insbasal"), ("血糖波动大", "insbasal")),
    "sglt2": (("泌尿道感染", "dpp4"), ("外阴瘙痒", "-")),
    "antiplt": (("皮肤瘀斑", "="), ("胃部不适", "="), ("牙龈出血", "-")),
    "antcoag": (("牙龈出血", "="), ("INR波动大", "=")),
    "bb": (("心动过缓", "-"), ("气促", "=")),
    "arb": (("血钾升高", "ccb"), ("头晕", "=")),
    "mra": (("男性乳房发育", "="), ("高钾血症", "-")),
    "urate": (("皮疹", "="), ("肝功能异常", "=")),
}
ANY_REASON = (
    ("疗效不佳", "="),
    ("症状好转", "-"),
    ("皮疹", "="),
    ("经济原因", "="),
    ("胃肠道不适", "="),
    ("疗程结束", "-"),
)
SHORT_COURSE = frozenset(
    [
        "quinol",
        "cepha",
        "penic",
        "macro",
        "otheranti",
        "antifung",
        "antiviral",
        "cough",
        "mucolyt",
        "antihist",
        "colch",
        "probio",
        "nsaid",
        "potass",
    ]
)
RENAL_AVOID = frozenset(
    ("格列美脲", "格列齐特", "门冬氨酸钾镁", "依诺肝素", "达比加群", "苯溴马隆", "双氯芬酸", "阿卡波糖")
)
NOISE_DIAGNOSES = (
    "肝囊肿", "肾囊肿", "甲状腺结节", "胆囊结石", "肺结节", "肺气肿", "窦性心动过缓", "颈动脉斑块", "高同型半胱氨酸血症",
    "胆囊息肉", "双侧胸腔积液", "二尖瓣关闭不全", "心律失常 室性早搏", "腔隙性脑梗死", "肺大疱", "白内障", "子宫肌瘤术后",
    "阑尾切除术后", "电解质紊乱", "维生素D缺乏", "前列腺钙化灶", "低钠血症", "脊柱侧弯", "乳腺增生", "盆腔积液",
)  # fmt: skip


@dataclass(frozen=True)
class Condition:
    """One diagnosis with its names, how common it is, what goes with it and what is given for it."""

    key: str
    names: tuple[str, ...]
    base: float
    admits: float
    boosts: tuple[tuple[str, float], ...]
    complaint: str
    classes: tuple[tuple[str, float], ...]
    in_hospital: tuple[str, ...]
    flags: tuple[tuple[str, float], ...]
    acute: bool


@dataclass(frozen=True)
class Finding:
    """A laboratory value: normal and abnormal range, and how the abnormal one moves the classes."""

    key: str
    name: str
    unit: str
    normal: tuple[float, float]
    abnormal: tuple[float, float]
    effects: tuple[tuple[str, float], ...]


def _pairs(text: str) -> tuple[tuple[str, float], ...]:
    return tuple((key, float(value)) for key, value in (item.split(":") for item in text.split()))


def _decided(rate: float, sharp: float = 2.2) -> float:
    """Rates moved away from one half: guidelines leave less to chance than the table's round numbers."""
    return max(rate**sharp / (rate**sharp + (1 - rate) ** sharp), 0.12 * rate)


@lru_cache(maxsize=1)
def conditions() -> tuple[Condition, ...]:
    """Chronic conditions in the order in which they are drawn, then the acute ones.

    Examples
    --------
    >>> conditions()[0].names[0]
    '2型糖尿病'
    """
    made = []
    for text, acute in ((_CONDITIONS, False), (_ACUTE, True)):
        for line in text.strip().splitlines():
            key, names, base, admits, boosts, complaint, classes, given, flags = line.split("|")
            made.append(
                Condition(
                    key,
                    tuple(names.split(",")),
                    float(base),
                    float(admits),
                    _pairs(boosts),
                    complaint,
                    tuple((key, _decided(rate)) for key, rate in _pairs(classes)),
                    tuple(filter(None, given.split(","))),
                    _pairs(flags),
                    acute,
                )
            )
    return tuple(made)


@lru_cache(maxsize=1)
def findings() -> dict[str, Finding]:
    """The laboratory values by key.

    Examples
    --------
    >>> findings()["k_low"].name
    '血钾'
    """
    made = {}
    for line in _FLAGS.strip().splitlines():
        key, name, unit, normal, abnormal, effects = line.split("|")
        low, high = (float(part) for part in normal.split())
        bad_low, bad_high = (float(part) for part in abnormal.split())
        made[key] = Finding(key, name, unit, (low, high), (bad_low, bad_high), _pairs(effects))
    return made
