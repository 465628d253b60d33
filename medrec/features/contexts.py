"""What a text says of each drug that it names: taken at home, continued, started, stopped, denied …"""

import re
from collections.abc import Sequence

from medrec.features.cues import context_of
from medrec.features.matcher import Match

_SENTENCE = re.compile(r"[。；;！？!?\n]|\.(?=\s|$)")
_COMMA = re.compile(r"[，,]")
_HEADING = re.compile(r"(?:^|(?<=[\n。；;]))\s*([^\n:：。；;，,]{2,40})[:：]")
_DOSE = (
    r"(?:[（(][^（）()]{0,24}[）)]|[\d.]+\s*(?:mg|g|ug|μg|mcg|ml|iu|u|片|粒|支|次|日|/d)|每[日天晚]|口服|[\s/]"
    r"|\b(?:qd|bid|tid|qn|po|daily)\b)*"
)
_JOIN = r"(?:[、，,/+]|及|和|与|或|以及|联合|\b(?:and|or|plus|with|y|e|o|u|con)\b)*"
_LINK = re.compile(f"{_DOSE}{_JOIN}{_DOSE}", re.IGNORECASE)
WIDTH = 40
"""Characters on either side that are looked at."""


def contexts(text: str, matches: Sequence[Match]) -> list[str]:
    """The context of each mention, one of ``cues.KINDS``.

    Names in a row (``A、B及C``, doses between them or not) share what is said before the first and behind the last.
    What stands between two names is said of the first up to the last comma and of the second from there; without a
    comma it is said of both: ``A换为B`` stops the one and starts the other.

    Parameters
    ----------
    text : str
        The text.
    matches : sequence of Match
        What ``NameMatcher.find`` found in it.

    Examples
    --------
    >>> from medrec.features.matcher import NameMatcher
    >>> text = "平素口服甲片、乙片，停乙片改用丙片，否认丁片过敏史"
    >>> matches = NameMatcher({name: [0] for name in ("甲片", "乙片", "丙片", "丁片")}).find(text)
    >>> contexts(text, matches)
    ['home', 'home', 'stopped', 'started', 'denied']
    """
    found: list[str] = []
    groups = _groups(text, matches)
    headings = list(_HEADING.finditer(text)) if matches else []
    for at, group in enumerate(groups):
        start, end = group[0].start, group[-1].end
        floor = groups[at - 1][-1].end if at else 0
        ceiling = groups[at + 1][0].start if at + 1 < len(groups) else len(text)
        before = _SENTENCE.split(text[max(floor, start - WIDTH) : start])[-1]
        later = _SENTENCE.split(text[end : min(ceiling, end + WIDTH)])[0]
        if end + len(later) == ceiling < len(text):
            commas = list(_COMMA.finditer(later))
            later = later[: commas[-1].start()] if commas else later
        heading = next((one[1] for one in reversed(headings) if one.end() <= start), "")
        kind = context_of(_COMMA.split(before)[-1], _COMMA.split(later)[0], later, heading)
        found += [kind] * len(group)
    return found


def _groups(text: str, matches: Sequence[Match]) -> list[list[Match]]:
    """Mentions in a row, with nothing but commas, joining words and doses between them."""
    groups: list[list[Match]] = []
    for match in matches:
        if groups and _LINK.fullmatch(text, groups[-1][-1].end, match.start):
            groups[-1].append(match)
        else:
            groups.append([match])
    return groups
