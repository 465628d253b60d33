"""Cue words: what is said of a drug where they stand near its name. Chinese, English and Spanish."""

import re
from dataclasses import dataclass

from medrec.features.tokens import normalize


@dataclass(frozen=True)
class Cue:
    """Words that give a mention its context, as regular expressions; "" never matches.

    Parameters
    ----------
    kind : str
        The context.
    before : str
        Searched in the phrase before the name, back to the last comma or name; ``$`` is right before the name.
    after : str
        Searched in the phrase behind it, up to the next comma or name; ``^`` is right behind the name.
    later : str
        Searched behind it up to the end of the sentence or the next name, commas or not.
    heading : str
        Searched in the heading above it (``出院带药：``), where nothing nearer says anything.
    """

    kind: str
    before: str = ""
    after: str = ""
    later: str = ""
    heading: str = ""


def _words(text: str) -> str:
    """Whole words of English or Spanish, several written in one line."""
    return rf"\b(?:{'|'.join(text.split(', '))})\b"


CUES = (
    Cue(
        "denied",
        before=r"否认|未(?:曾|再)?(?:使用|服用|应用|用)过?|没(?:有)?(?:用|吃|服)|无(?!明显|诱因|效)|"
        r"不(?:用|吃|能用|宜)|禁用|"
        + _words(r"den(?:y|ies|ied), never, without, no, not on, not taking, niega, sin, nunca, no toma"),
        after=r"^\s*(?:not given|was not)\b",
    ),
    Cue(
        "allergic",
        before=r"过敏[史原]?[:：为]|"
        + _words(r"allerg(?:y|ies|ic), intoleran(?:t|ce), al[eé]rgi(?:a|co|ca)s?, intolerancia"),
        after=r"(?<!抗)过敏|后.*皮疹|不耐受|不良反应|禁用|"
        + _words(r"allerg(?:y|ies), intolerance, rash, anaphyla\w+, al[eé]rgia"),
        heading=r"过敏|allerg|al[eé]rgia",
    ),
    Cue(
        "considered",
        before=r"建议|拟|可考虑|考虑[用加予给]|可[用加选]|暂不|暂缓|必要时|如.*(?:可|则)|"
        + _words(r"consider\w*, recommend\w*, may, if needed, suggest\w*, plan to, offered")
        + "|"
        + _words(r"valorar, considerar, recomend\w+, si precisa"),
        later=r"拒绝|不同意|未同意|" + _words(r"declined, refused, rechaz\w+"),
    ),
    Cue(
        "in_hospital",
        before=r"住院期间|入院后.*静|临时|短期|急诊|术[中后]|先后?予|抢救|"
        + _words(r"in hospital, inpatient, while hospitali[sz]ed, perioperative, intravenous, iv")
        + r"|durante (?:el|su) ingreso",
        after=r"静[滴推脉]|泵入|肌注|皮下注射|" + _words(r"iv, intravenous(?:ly)?, infusion, intravenos[oa]"),
        later=r"出院前停|好转后停|疗程已足|症状缓解后停",
        heading=r"住院(?:期间)?用药|inpatient|hospital med",
    ),
    Cue(
        "irregular",
        before=r"间断|不规律|未规律|偶[尔有服用]|自行[服用]|"
        + _words(r"occasional\w*, irregular\w*, intermittent\w*, prn"),
        after=r"时断时续|不规律|间断|" + _words(r"prn, as needed, a demanda"),
        later=r"未规律|不规律",
    ),
    Cue(
        "past",
        before=r"曾|早年|初[用服予]|先后[用服予]|"
        + _words(r"previous(?:ly)?, formerly, in the past, prior, past, previamente, anteriormente"),
        later=r"自行停|未再(?:使用|服用|应用)|已停",
        heading=r"既往用药|past med",
    ),
    Cue(
        "stopped",
        before=r"停(?:用|药|止|服|掉)?(?:了)?$|停(?:用|止|服)|停药|(?:替代|代替|取代)$|"
        + _words(r"discontinu\w+, stop(?:ped)?, held, hold, off, d/c(?:'?d)?, (?:switched|changed|transitioned) from")
        + "|"
        + _words(r"suspend\w+, retir\w+, (?:cambio|cambi[aó]) de"),
        after=r"停|^.{0,12}(?:换|改(?!善)|调整为|转为)|"
        + _words(r"discontinued, stopped, held, (?:switched|changed) to, suspend\w+, retirad\w+"),
        later=r"停药|停用|" + _words(r"(?:was|were) (?:discontinued|stopped|held), se suspend\w+"),
    ),
    Cue(
        "continued",
        before=r"继续|续[用服]|维持|延用|沿用|仍[予用]|原有|照旧|"
        + _words(r"continu\w+, resum\w+, maintain\w*, contin[uú]\w+, mantien\w+"),
        after=r"续[用服]|维持|照旧|同前|继续|不变|原剂量|"
        + _words(r"(?:was|were) (?:continued|resumed), unchanged, se mantien\w+"),
        heading=r"出院带药|出院医嘱|discharge med|al alta",
    ),
    Cue(
        "started",
        before=r"加[用服予]?$|[给予改换]为?$|加用|给予|(?:改|换|调整|转)(?:用|为|成)|开始|起始|启动|现(?:仅)?用|"
        r"^\s*(?:to|a|por)\s*$|"
        + _words(
            r"start\w*, initiat\w+, add(?:ed)?, begin, began, begun, (?:switched|changed|transitioned) to, placed on"
        )
        + "|"
        + _words(r"given, prescrib\w+, treated with, inici\w+, a[nñ]ad\w+, prescri\w+, tratad[oa] con"),
        after=r"^(?:替代|代替|取代)|" + _words(r"(?:was|were) (?:started|added|initiated), se inici\w+"),
    ),
    Cue(
        "home",
        before=r"平素|平时|长期|规律|目前[用服]?|一直|院外|在家|口服|服用|"
        + _words(r"home, takes?, taking, on, uses?, chronic, daily, toma, en tratamiento, habitual"),
        after=r"控制|" + _words(r"at home, daily, qd, bid, tid, diari\w+"),
        heading=r"(?:入院前|长期|家庭|目前)用药|home med|on admission|current med|tratamiento habitual",
    ),
)
"""The contexts, the one that overrules first: a drug that is refused is not started, though ``加用`` stands there."""

KINDS = (*(cue.kind for cue in CUES), "other")
"""The contexts of mentions; ``other`` where no word around says anything."""

_PLACES = ("before", "after", "later")
_NEAR = [
    (cue.kind, [(place, re.compile(getattr(cue, place), re.IGNORECASE)) for place in _PLACES if getattr(cue, place)])
    for cue in CUES
]
_HEADINGS = [(cue.kind, re.compile(cue.heading, re.IGNORECASE)) for cue in CUES if cue.heading]


def context_of(before: str, after: str, later: str, heading: str) -> str:
    """The context of a mention, one of ``KINDS``, by the words around it; see ``Cue`` for the places.

    Examples
    --------
    >>> context_of("建议门诊加用", "", "", "")
    'considered'
    >>> context_of("", "", "", "出院带药")
    'continued'
    """
    words = {"before": normalize(before), "after": normalize(after), "later": normalize(later)}
    for kind, rules in _NEAR:
        if any(rule.search(words[place]) for place, rule in rules):
            return kind
    return next((kind for kind, rule in _HEADINGS if rule.search(heading)), KINDS[-1])
