"""Tables on a terminal."""

import unicodedata
from collections.abc import Mapping
from typing import Any

import pandas as pd


def width(text: str) -> int:
    """Columns that a text takes on a terminal: two for each wide character."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def print_table(table: pd.DataFrame) -> None:
    """Print a table of texts, its index first, columns aligned.

    Examples
    --------
    >>> print_table(pd.DataFrame({"F1": ["0.5"]}, index=pd.Index(["prior"], name="model")))
    model   F1
    prior  0.5
    """
    rows = [[str(table.index.name or ""), *map(str, table.columns)]]
    rows += [[str(label), *map(str, values)] for label, values in zip(table.index, table.itertuples(index=False))]
    widths = [max(map(width, column)) for column in zip(*rows)]
    for row in rows:
        cells = [row[0] + " " * (widths[0] - width(row[0]))]
        cells += [" " * (size - width(cell)) + cell for size, cell in zip(widths[1:], row[1:])]
        print("  ".join(cells).rstrip())


def print_figures(name: str, figures: Mapping[str, Any]) -> None:
    """Print figures of one evaluation, one a line, intervals beside them."""
    print(f"{name}:")
    size = max(map(len, figures))
    for key, value in figures.items():
        if key.endswith("_interval") or key == "preset":
            continue
        shown = f"{value:.6f}" if isinstance(value, float) else "undefined" if value is None else str(value)
        interval = figures.get(f"{key}_interval")
        if interval is not None:
            shown += f"  95 % [{interval[0]:.4f}, {interval[1]:.4f}]"
        print(f"  {key:<{size}}  {shown}")
