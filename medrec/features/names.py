"""Names of drugs as texts write them: without brackets, strengths, dosage forms and salts."""

import re
from collections.abc import Iterable, Mapping, Sequence

from medrec.features.drug_words import ACIDS, BASES, FORMS, ORDINARY, ROUTES, SALTS
from medrec.features.folding import fold

_BRACKETS = re.compile(r"[(\[（【]([^()\[\]（）【】]*)[)\]）】]")
_STRENGTH = re.compile(
    r"(?<![a-z\d.])\d[\d.,/]*\s*(?:mg|g|ug|µg|μg|mcg|ml|iu|u|%|万|单位|片|粒|支|r\b)(?:\s*[/:*×x].*)?$"
)
_NO_NAME = re.compile(r"[ivxⅰ-ⅻ\d\s.:/]*|[a-z]?\d+|.*(?:笔芯|充|细胞|产|进口|[含无]|型|装|儿|成人|剂|每).*")
_HAN = re.compile(r"[\u3400-\u9fff]")
LEAST_HAN, LEAST_LATIN = 2, 4
"""Characters that a shortened name has at least, where it holds Chinese ones and where not."""


def variants(name: str) -> list[str]:
    """A drug's name and its shorter forms, the longest first, folded.

    Parameters
    ----------
    name : str
        The name with whatever it carries: strength, brand in brackets, dosage form, salt.

    Examples
    --------
    >>> variants("阿托伐他汀钙片(20mg)")
    ['阿托伐他汀钙片(20mg)', '阿托伐他汀钙片', '阿托伐他汀钙', '阿托伐他汀']
    >>> variants("盐酸二甲双胍缓释片（格华止）")
    ['盐酸二甲双胍缓释片(格华止)', '盐酸二甲双胍缓释片', '盐酸二甲双胍', '二甲双胍', '格华止']
    >>> variants("Metoprolol succinate ER tablets 50 mg")
    ['metoprolol succinate er tablets 50 mg', 'metoprolol succinate er tablets', 'metoprolol succinate', 'metoprolol']
    """
    full = fold(name)[0].strip()
    bare = _strip_strength(_BRACKETS.sub("", full).strip())
    formless = _strip_forms(bare)
    found = [full, bare, formless, _strip_salts(formless)]
    for content in _BRACKETS.findall(full):
        if not _NO_NAME.fullmatch(content) and _strip_strength(content) == content:
            found += [content, _strip_forms(content)]
    return list(dict.fromkeys([full, *(one for one in found[1:] if _is_telling(one))]))


def name_table(drug_names: Sequence[str], aliases: Mapping[str, Iterable[str]] | None = None) -> dict[str, list[int]]:
    """Every name by which a text may call a drug, and the labels it may stand for.

    Parameters
    ----------
    drug_names : sequence of str of length n_labels
        Names of the labels. A full name is always taken, however short.
    aliases : dict of str to sequence of str, optional
        Other names of the drugs, which are shortened like the names themselves.

    Returns
    -------
    dict of str to list of int
        Labels (positions in ``drug_names``) by folded name; several where drugs share a shortened name.

    Examples
    --------
    >>> name_table(["盐酸二甲双胍片", "二甲双胍缓释片"])["二甲双胍"]
    [0, 1]
    """
    table: dict[str, list[int]] = {}
    for label, name in enumerate(drug_names):
        found = variants(name)
        for alias in (aliases or {}).get(name, ()):
            full, *shorter = variants(alias)
            found += [full, *shorter] if _is_telling(full) else shorter
        for one in dict.fromkeys(found):
            if one:
                table.setdefault(one, []).append(label)
    return table


def _strip_strength(name: str) -> str:
    return _STRENGTH.sub("", name).strip() or name


def _strip_forms(name: str) -> str:
    """A name without its dosage form and strength, and without what says how it is given."""
    for route in ROUTES:
        name = name.removeprefix(route)
    before = ""
    while before != name:
        before = name
        form = next((form for form in FORMS if name.endswith(form)), "")
        shorter = name.removesuffix(form)
        if shorter and (not form.isascii() or shorter.endswith((" ", "-"))):
            name = shorter.rstrip(" -")
        name = _strip_strength(name)
    return name


def _strip_salts(name: str) -> str:
    words = name.split()
    if len(words) > 1:
        kept = [word for word in words if word not in SALTS]
        return " ".join(kept) or name
    for acid in ACIDS:
        if name.startswith(acid) and len(name) - len(acid) >= LEAST_HAN:
            name = name[len(acid) :]
            break
    for base in BASES:
        shorter = name.removesuffix(base)
        if shorter != name and len(shorter) > LEAST_HAN and not shorter.endswith(("氯化", "碳酸", "碳酸氢")):
            return shorter
    return name


def _is_telling(name: str) -> bool:
    """Whether a name is long enough and no ordinary word."""
    least = LEAST_HAN if _HAN.search(name) else LEAST_LATIN
    return len(name) >= least and name not in ORDINARY and name not in ACIDS and not name[0].isdigit()
