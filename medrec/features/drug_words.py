"""Words in the names of drugs that a shorter name leaves out, and words that no shorter name may be."""

from medrec.features.folding import fold


def _words(text: str) -> tuple[str, ...]:
    """The words of a table, folded, the longest first."""
    return tuple(sorted(dict.fromkeys(fold(text)[0].split()), key=len, reverse=True))


FORMS = _words(
    """
    缓释片 控释片 肠溶片 分散片 咀嚼片 泡腾片 含片 口崩片 舌下片 薄膜衣片 双释片 阴道片 肠溶缓释片 片剂 片
    肠溶软胶囊 胶丸 肠溶缓释胶囊 缓释胶囊 控释胶囊 肠溶胶囊 软胶囊 硬胶囊 微丸胶囊 胶囊 预混注射液 混合注射液
    注射液 注射剂 冻干粉针 粉针 针剂 针 输液 大输液 泡腾颗粒 颗粒剂 颗粒 冲剂 干混悬剂 混悬液 混悬剂 混悬滴剂
    口服溶液 口服液 口服混悬液 糖浆 合剂 散剂 散 滴丸 水丸 蜜丸 丸 吸入粉雾剂 粉雾剂 吸入气雾剂 气雾剂
    吸入混悬液 雾化溶液 吸入溶液 粉吸入剂 吸入剂 喷雾剂 鼻喷剂 鼻喷雾剂 滴眼液 眼用凝胶 眼膏 滴耳液 滴鼻液 滴剂
    乳膏 软膏 凝胶 混悬凝胶 贴膏 透皮贴剂 贴剂 贴片 搽剂 洗剂 栓剂 栓 膜 酊 溶液 乳剂 tablets tablet capsules
    capsule injection solution suspension syrup cream ointment gel patch spray inhaler tabs tab caps cap ec
    extended-release delayed-release sustained-release er xr sr cr xl dr oral ophthalmic topical tableta
    tabletas comprimido comprimidos cápsula cápsulas inyección solución jarabe crema
    """
)
"""Dosage forms that end a name."""

ROUTES = _words(
    """
    注射用 吸入用 口服 外用
    """
)
"""What a name may begin with that says how the drug is given."""

ACIDS = _words(
    """
    盐酸 硫酸氢 硫酸 磷酸 酒石酸 重酒石酸 马来酸 苯磺酸 甲磺酸 甲苯磺酸 富马酸 枸橼酸 琥珀酸 醋酸 乙酸 乳酸
    氢溴酸 硝酸 草酸 门冬氨酸 丙酸 糠酸 苯甲酸
    """
)
"""Acids of salts, which begin a Chinese name."""

BASES = _words(
    """
    二钠 钠 钾 半水合物 水合物 钙 镁 锌
    """
)
"""Bases of salts, which end a Chinese name."""

SALTS = _words(
    """
    hydrochloride hcl dihydrochloride sulfate sulphate phosphate tartrate bitartrate maleate besylate besilate
    mesylate tosylate fumarate citrate succinate acetate lactate bromide hydrobromide nitrate oxalate sodium
    potassium calcium magnesium medoxomil disoproxil axetil hidrocloruro clorhidrato sulfato fosfato tartrato
    maleato sódico sodica cálcico
    """
)
"""Words of salts in English and Spanish names."""

ORDINARY = _words(
    """
    葡萄糖 胰岛素 维生素 激素 氯化 碳酸 钙 铁 钾 钠 锌 镁 碘 氧 水 糖 盐 酸 枸橼酸 甘油 亚铁 钾镁 铋钾 胃 肝
    甲状腺 肾上腺素 胆固醇 尿酸 肌酐 尿素 白蛋白 血红蛋白 免疫球蛋白 抗生素 中药 西药 药物 止痛 退热 感冒 咳嗽
    感冒灵 口服 外用 吸入 注射 营养 蛋白 脂肪 酒精 乙醇 oral water sugar salt iron calcium sodium potassium
    magnesium zinc oxygen glucose insulin vitamin protein alcohol patch gel cream solution hierro calcio sodio
    potasio glucosa insulina vitamina agua
    """
)
"""Words that a text uses for other things than a drug."""
