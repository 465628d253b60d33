"""Names of drugs as texts write them: variants of the full name, and which labels each may stand for."""

from collections.abc import Mapping, Sequence


def name_table(drug_names: Sequence[str], aliases: Mapping[str, Sequence[str]] | None = None) -> dict[str, list[int]]:
    """Every name by which a text may call a drug, with the labels (positions in ``drug_names``) it may stand for."""
    table: dict[str, list[int]] = {}
    for label, name in enumerate(drug_names):
        for one in dict.fromkeys((name, *((aliases or {}).get(name, ())))):
            if one.strip():
                table.setdefault(one, []).append(label)
    return table
