"""Sentences of the generated records: what was taken, kept, stopped, started, refused, said in Chinese prose.

Every sentence that names a drug says by its words, not by its place, what became of the drug. A ward has
its own habits of phrase, which is how a text model can guess the ward and so its habits of prescribing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from medrec.datasets._conditions import Condition, findings
from medrec.datasets._draws import Draws
from medrec.datasets._formulary import Drug, formulary

NAMED_HOME = 0.68  # share of the drugs taken before admission that the history names
NAMED_KEPT = 0.4  # share of the kept drugs that the treatment course names again
NAMED_STOPPED = 0.85  # share of the stopped drugs whose stop the text tells
NAMED_STARTED = 0.42  # share of the new drugs that the treatment course names
CLASS_TOLD = 0.92  # share of the unnamed ones of which at least the class is told
FULL_NAME = 0.42  # how a drug is called: by its full name, by a nickname where it has one,
NICKNAME = 0.25  # else by its ingredient without the salt

_HOME = (
    "平素口服{0}治疗",
    "长期服用{0}",
    "院外规律使用{0}",
    "目前用{0}控制",
    "一直服{0}，自觉控制可",
    "院外予{0}{1}",
)
_IRREGULAR = ("间断口服{0}，未规律服药", "不规律服用{0}", "曾自行服{0}，近期服药不规律", "{0}时断时续")
_UNNAMED = (
    "口服{1}药物治疗（具体不详）",
    "长期服药，药名不详",
    "曾{1}治疗，具体用药不详",
    "院外自行服药，具体药名及剂量不详",
)
_CLASS_HOME = ("服用{0}（具体不详）", "另服{0}，药名记不清", "院外用{0}", "长期{0}治疗")
_CLASS_KEPT = ("继续{0}治疗", "{0}同前", "仍予{0}")
_CLASS_STARTED = ("加用{0}", "予{0}{1}", "给予{0}对症治疗")
_KEPT = ("继续{0}{1}", "原有{0}照旧", "{0}维持原剂量", "延用院外{0}{1}", "仍予{0}口服", "{0}续用")
_STOPPED = (
    "{0}因{2}停用",
    "患者{2}，停{0}",
    "考虑{2}与{0}有关，予停药",
    "停用{0}（{2}）",
    "{0}暂停，原因为{2}",
)
_SWITCHED = ("因{2}将{0}调整为{3}", "{2}，停{0}改用{3}", "{0}换为{3}", "以{3}替代{0}", "{0}疗效欠佳改{3}")
_STARTED = ("加用{0}{1}", "予{0}{1}", "给予{0}口服", "出院前加{0}", "{1}方面予{0}", "开始口服{0}")
_STARTED_UNNAMED = ("予{1}治疗", "给予{1}等对症处理", "{1}、对症支持治疗", "积极{1}")
_IN_HOSPITAL = (
    "住院期间予{0}{1}，好转后停用",
    "先予{0}{1}，出院前停药",
    "临时予{0}{1}",
    "短期应用{0}，疗程已足",
)
_INFUSED = ("予{0}", "给予{0}治疗", "急诊先后予{0}", "入科后{0}")
_CONSIDERED = (
    "建议门诊评估后加用{0}",
    "拟予{0}，患者拒绝",
    "如控制不佳可考虑{0}",
    "暂不予{0}",
    "嘱必要时门诊加{0}",
)
_DENIED = ("否认服用{0}史", "无{0}等药物服用史", "未使用过{0}", "否认长期应用{0}")
_ALLERGY = ("对{0}过敏", "{0}过敏史，表现为皮疹", "既往应用{0}后出现皮疹，禁用")
_PAST = (
    "既往曾用{0}，因{2}停用",
    "曾服{0}，{2}后自行停药",
    "早年服用{0}，后因{2}停药",
    "外院曾予{0}，{2}，未再使用",
)
_PAST_SWITCH = ("初服{0}，后改用{3}", "曾用{0}，因{2}换为{3}", "先后服用{0}、{3}，现仅用{3}")
_ONSET = (
    "患者{years}年前无明显诱因出现{complaint}，就诊于当地医院，诊断为{name}",
    "{years}年前患者因{complaint}于外院确诊“{name}”",
    "患者于{years}年前起病，{complaint}，诊断{name}",
    "患者缘于{years}年前体检发现{name}，伴{complaint}",
)
_TREND = (
    "{days}天前上述症状加重",
    "近{days}天再发并加重",
    "入院前{days}天受凉后明显加重",
    "近{days}天自觉症状反复",
)
_ADMITTED = (
    "门诊以“{name}”收入我科。",
    "为求进一步诊治入院。",
    "急诊拟“{name}”收住院。",
    "今来我院，收入病房。",
)
_HISTORY = ("{name}病史{years}年", "有{name}{years}年余", "既往{name}{years}年", "患{name}{years}年")
_SURGERY = (
    "否认手术外伤史",
    "有阑尾切除术史",
    "否认输血史",
    "有胆囊切除术史",
    "否认肝炎、结核病史",
    "无外伤史",
)
_COURSE = (
    "入院后完善相关检查",
    "入院后查血常规、生化、心电图等",
    "完善各项检查，明确诊断",
    "入院后予一级护理、监测生命体征",
)
_OUTCOME = (
    "病情好转，予出院。",
    "症状改善，今日出院。",
    "经治疗后病情稳定，准予出院。",
    "一般情况可，办理出院。",
)
_LIFE = ("饮食控制", "低盐低脂饮食", "吸氧", "监测血糖", "健康宣教", "卧床休息", "雾化吸入", "康复训练")


@dataclass
class Visit:
    """What a visit's text is written from; drugs by what became of them."""

    ward: int
    main: Condition
    main_name: str
    years: int
    others: list[tuple[Condition, str, int]]
    values: dict[str, bool]
    home: list[tuple[Drug, str, bool]] = field(default_factory=list)
    kept: list[Drug] = field(default_factory=list)
    stopped: list[tuple[Drug, str, Drug | None]] = field(default_factory=list)
    started: list[Drug] = field(default_factory=list)
    in_hospital: list[Drug] = field(default_factory=list)
    past: list[tuple[Drug, str, Drug | None]] = field(default_factory=list)
    considered: list[Drug] = field(default_factory=list)
    denied: list[Drug] = field(default_factory=list)
    allergy: Drug | None = None


class Writer:
    """Writes the five text sections of a visit."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._groups = formulary()
        self._findings = findings()

    def sections(self, visit: Visit) -> dict[str, str]:
        """The texts under the names of their fields."""
        days = 1 + self._draws.below(14)
        complaint = visit.main.complaint
        if visit.main.acute:
            chief = f"{complaint}{days}天"
        else:
            chief = self._draws.pick(("反复{0}{1}年，加重{2}天", "{0}{1}年余，再发{2}天", "发现{0}{1}年")).format(
                complaint, visit.years, days
            )
        return {
            "诊疗过程描述": self._course(visit),
            "入院情况": self._admission(visit),
            "现病史": self._present(visit, days),
            "既往史": self._past(visit),
            "主诉": chief,
        }

    def _phrase(self, variants: Sequence[str], ward: int) -> str:
        if self._draws.chance(0.6):
            return variants[(ward * 7 + len(variants[0])) % len(variants)]
        return self._draws.pick(variants)

    def _call(self, drug: Drug) -> str:
        u = self._draws.uniform()
        if u < FULL_NAME:
            return drug.name
        if drug.nickname and u > 1 - NICKNAME:
            return drug.nickname
        return drug.short

    def _list(self, drugs: Sequence[Drug]) -> str:
        names = [self._call(drug) for drug in drugs]
        return "、".join(names[:-1]) + self._draws.pick(("、", "及", "，")) + names[-1] if len(names) > 1 else names[0]

    def _say(self, variants: Sequence[str], ward: int, drugs: Sequence[Drug]) -> str:
        return self._phrase(variants, ward).format(self._list(drugs), self._groups[drugs[0].group].purpose)

    def _class(self, variants: Sequence[str], ward: int, drugs: Sequence[Drug]) -> str:
        titles = list(dict.fromkeys(self._groups[drug.group].title for drug in drugs))
        return self._phrase(variants, ward).format("、".join(titles), self._groups[drugs[0].group].purpose)

    def _swap(self, one: tuple[Drug, str, Drug | None], alone: Sequence[str], both: Sequence[str], ward: int) -> str:
        drug, reason, other = one
        if other is None:
            return self._phrase(alone, ward).format(self._call(drug), "", reason)
        return self._phrase(both, ward).format(self._call(drug), "", reason, self._call(other))

    def _home_of(self, visit: Visit, key: str) -> list[str]:
        named: list[Drug] = []
        irregular: list[Drug] = []
        silent: list[Drug] = []
        for drug, condition, is_irregular in visit.home:
            if condition == key:
                if not self._draws.chance(NAMED_HOME):
                    silent.append(drug)
                else:
                    (irregular if is_irregular else named).append(drug)
        said = []
        if named:
            said.append(self._say(_HOME, visit.ward, named))
        if irregular:
            said.append(self._say(_IRREGULAR, visit.ward, irregular))
        told = [drug for drug in silent if self._draws.chance(CLASS_TOLD)]
        if told:
            said.append(self._class(_CLASS_HOME, visit.ward, told))
        elif silent and not said:
            said.append(self._phrase(_UNNAMED, visit.ward).format("", self._groups[silent[0].group].purpose))
        return said

    def _present(self, visit: Visit, days: int) -> str:
        words = {
            "years": visit.years,
            "days": days,
            "name": visit.main_name,
            "complaint": visit.main.complaint,
        }
        parts = []
        if visit.main.acute:
            parts.append(f"患者{days}天前出现{visit.main.complaint}")
        else:
            parts.append(self._phrase(_ONSET, visit.ward).format(**words))
            parts += self._home_of(visit, visit.main.key)
        parts += [self._swap(one, _PAST, _PAST_SWITCH, visit.ward) for one in visit.past]
        parts.append(self._phrase(_TREND, visit.ward).format(**words))
        return "，".join(parts) + "，" + self._phrase(_ADMITTED, visit.ward).format(**words)

    def _past(self, visit: Visit) -> str:
        parts = []
        for condition, name, years in visit.others:
            if condition.acute or not self._draws.chance(0.92):
                continue
            said = [self._phrase(_HISTORY, visit.ward).format(name=name, years=years)]
            parts.append("，".join(said + self._home_of(visit, condition.key)))
        parts.append(self._draws.pick(_SURGERY))
        if visit.denied:
            parts.append(self._say(_DENIED, visit.ward, visit.denied))
        if visit.allergy is not None:
            parts.append(self._say(_ALLERGY, visit.ward, [visit.allergy]))
        elif self._draws.chance(0.6):
            parts.append("否认药物及食物过敏史")
        return "。".join(parts) + "。"

    def _admission(self, visit: Visit) -> str:
        draws = self._draws
        high = visit.values.get("bp_high", False)
        top = 150 + draws.below(45) if high else 105 + draws.below(33)
        parts = [
            f"T:{36 + draws.below(9) / 10:.1f}℃，P:{62 + draws.below(45)}次/分，"
            f"R:{16 + draws.below(7)}次/分，BP:{top}/{60 + draws.below(35)}mmHg"
        ]
        for key, finding in self._findings.items():
            abnormal = visit.values.get(key)
            if key == "bp_high" or not draws.chance(0.12 if abnormal is None else 0.78 if abnormal else 0.4):
                continue
            low, top_value = finding.abnormal if abnormal else finding.normal
            value = low + (top_value - low) * draws.uniform()
            number = f"{value:.0f}" if top_value >= 100 else f"{value:.1f}"
            arrow = ("↓" if low < finding.normal[0] else "↑") if abnormal and draws.chance(0.45) else ""
            parts.append(f"{finding.name}{draws.pick(('', ' ', '：'))}{number}{finding.unit}{arrow}")
        return "，".join(parts) + "。"

    def _course(self, visit: Visit) -> str:
        draws, ward = self._draws, visit.ward
        parts = []
        infused = [given for given in visit.main.in_hospital if draws.chance(0.45)]
        for condition, _, _ in visit.others:
            infused += [given for given in condition.in_hospital if draws.chance(0.12)]
        if infused:
            parts.append(self._phrase(_INFUSED, ward).format("、".join(infused)))
        kept = []
        untold = []
        for drug in visit.kept:
            if draws.chance(NAMED_KEPT):
                kept.append(drug)
            elif draws.chance(CLASS_TOLD * 0.7):
                untold.append(drug)
        if untold:
            parts.append(self._class(_CLASS_KEPT, ward, untold))
        while kept:
            take = 1 + draws.below(3)
            parts.append(self._say(_KEPT, ward, kept[:take]))
            kept = kept[take:]
        told = [one for one in visit.stopped if draws.chance(NAMED_STOPPED)]
        parts += [self._swap(one, _STOPPED, _SWITCHED, ward) for one in told]
        for drug in visit.started:
            if draws.chance(NAMED_STARTED):
                parts.append(self._say(_STARTED, ward, [drug]))
            elif draws.chance(CLASS_TOLD):
                parts.append(self._class(_CLASS_STARTED, ward, [drug]))
            elif draws.chance(0.3):
                purpose = self._groups[drug.group].purpose
                parts.append(self._phrase(_STARTED_UNNAMED, ward).format("", purpose))
        if visit.in_hospital:
            parts.append(self._say(_IN_HOSPITAL, ward, visit.in_hospital))
        parts += [self._say(_CONSIDERED, ward, [drug]) for drug in visit.considered]
        parts.append(draws.pick(_LIFE))
        draws.shuffle(parts)
        return self._phrase(_COURSE, ward) + "，" + "；".join(parts) + "。" + self._phrase(_OUTCOME, ward)
