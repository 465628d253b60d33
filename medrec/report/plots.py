"""Plots as inline SVG that takes its colours and fonts from the page around it.

matplotlib draws with place-holder colours which are then renamed to ``currentColor`` and CSS variables,
so one drawing reads on a light and on a dark page. Only ``Figure`` objects are used, under
``rc_context``: neither pyplot nor a caller's settings are touched.
"""

import io
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Sequence
from html import escape

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, PercentFormatter

from medrec.report.curves import Reliability

INK, MUTED, GRID, PAPER = "#010101", "#020202", "#030303", "#040404"
N_SERIES = 8
SERIES = [f"#05050{i}" for i in range(N_SERIES)]
MARKERS = "osD^vPX*"
_CSS = {INK: "currentColor", MUTED: "var(--muted)", GRID: "var(--grid)", PAPER: "var(--paper)"}
_CSS.update({color: f"var(--series-{i + 1})" for i, color in enumerate(SERIES)})
_FONT_SIZE = 10.5
_WIDTH = 4.7  # inches; about 338 CSS pixels, so that text is not shrunk on a telephone


def draw(name: str, title: str, description: str, height: float, paint: Callable[[Axes], None]) -> str:
    """One plot as an ``<svg>`` element.

    Parameters
    ----------
    name : str
        Prefix of every id inside, unique on the page.
    title, description : str
        What the plot is, and what it shows in words, for those who cannot see it.
    height : float
        Inches.
    paint : callable
        Draws into the axes.
    """
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph .* missing")  # the reader's fonts draw it
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": name,
                "text.parse_math": False,
                "font.size": _FONT_SIZE,
                "axes.titlesize": _FONT_SIZE,
                "axes.labelsize": _FONT_SIZE,
                "legend.fontsize": 10,
                "text.color": INK,
                "axes.labelcolor": INK,
                "axes.edgecolor": MUTED,
                "xtick.color": MUTED,
                "ytick.color": MUTED,
                "xtick.labelcolor": INK,
                "ytick.labelcolor": INK,
                "grid.color": GRID,
                "axes.axisbelow": True,
                "axes.spines.top": False,
                "axes.spines.right": False,
            }
        )
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        paint(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _inline(buffer.getvalue(), name, title, description)


def _inline(svg: str, name: str, title: str, description: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.S)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.S)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'\b(?:xlink:)?href="#', f'href="#{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-")
    for color, value in _CSS.items():
        svg = svg.replace(f": {color}", f": {value}")
    box = re.search(r'viewBox="[^"]*"', svg)
    assert box is not None
    head = f'<svg role="img" aria-labelledby="{name}-title {name}-desc" {box.group()} class="plot">'
    words = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    return head + words + svg[svg.index(">") + 1 :].strip()


def accuracy_plot(table: pd.DataFrame) -> str:
    """Jaccard and F1 of each model with their intervals."""
    rows = np.arange(len(table))[::-1]
    parts = (("jaccard", "Jaccard", "o", 0.16, INK), ("f1", "F1", "D", -0.16, PAPER))

    def paint(axes: Axes) -> None:
        for key, label, marker, offset, fill in parts:
            low, high = table[f"{key}_low"].fillna(table[key]), table[f"{key}_high"].fillna(table[key])
            for row, a, b, color in zip(rows, low, high, _colors(len(table))):
                axes.plot([a, b], [row + offset] * 2, color=color, linewidth=2, solid_capstyle="butt")
            for row, value, color, end in zip(rows, table[key], _colors(len(table)), high):
                face = color if fill == INK else PAPER
                axes.plot(value, row + offset, marker, color=color, markerfacecolor=face, markersize=5)
                axes.annotate(
                    f"{value:.3f}",
                    (end, row + offset),
                    xytext=(6, 0),
                    textcoords="offset points",
                    va="center",
                    size=9.5,
                )
            axes.plot([], [], marker, color=INK, markerfacecolor=fill, label=label, linestyle="none")
        axes.set_xlim(0, min(1.0, float(np.nanmax(table[["f1", "jaccard"]].to_numpy(), initial=0.1)) * 1.25))
        name_rows(axes, rows, table.index)
        axes.grid(axis="x")
        legend_above(axes)

    words = "; ".join(
        f"{name}: Jaccard {j:.3f}, F1 {f:.3f}" for name, j, f in zip(table.index, table["jaccard"], table["f1"])
    )
    return draw("accuracy", "Jaccard and F1 by model", words, 0.95 + 0.52 * len(table), paint)


def bands_plot(names: Sequence[str], f1: np.ndarray, bands: Sequence[str], drugs: Sequence[str]) -> str:
    """F1 of each model on drugs of each frequency, ``f1`` of shape (n_models, n_bands)."""

    def paint(axes: Axes) -> None:
        width = 0.8 / len(names)
        for i, (name, values) in enumerate(zip(names, f1)):
            places = np.arange(len(bands)) + (i - (len(names) - 1) / 2) * width
            axes.bar(places, np.nan_to_num(values), width * 0.9, color=_color(i), label=_short(name))
            if len(names) <= 4:
                for x, value in zip(places, values):
                    text = "–" if np.isnan(value) else f"{value:.2f}".removeprefix("0")
                    axes.text(x, np.nan_to_num(value) + 0.01, text, ha="center", va="bottom", size=9)
        ticks = [f"{band}\n{count} drug{'s' if count != '1' else ''}" for band, count in zip(bands, drugs)]
        axes.set_xticks(np.arange(len(bands)), ticks)
        axes.tick_params(axis="x", length=0)
        axes.set_ylabel("F1")
        axes.set_ylim(0, min(1.08, float(np.nanmax(f1, initial=0.1)) * 1.15))
        axes.grid(axis="y")
        legend_above(axes)

    words = "; ".join(
        f"{name}: " + ", ".join(f"{band} {value:.2f}" for band, value in zip(bands, values))
        for name, values in zip(names, f1)
    )
    return draw("bands", "F1 by drug frequency", words, 3.2, paint)


def calibration_plot(names: Sequence[str], curves: Sequence[Reliability | None]) -> str:
    """Observed share against score; models whose scores are no probabilities have no curve."""

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="ideal")
        for i, (name, curve) in enumerate(zip(names, curves)):
            if curve is not None:
                axes.plot(
                    curve.score,
                    curve.observed,
                    color=_color(i),
                    marker=MARKERS[i % len(MARKERS)],
                    markersize=4.5,
                    linewidth=1.6,
                    label=_short(name),
                )
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="score", ylabel="share that was prescribed")
        axes.grid()
        legend_above(axes)

    gaps = []
    for name, curve in zip(names, curves):
        if curve is not None and curve.cells.sum():
            gap = float(np.average(np.abs(curve.score - curve.observed), weights=curve.cells))
            gaps.append(f"{name}: mean distance from the diagonal {gap:.4f}")
    return draw("calibration", "Calibration of the scores", "; ".join(gaps) or "no probabilities", 3.4, paint)


def sizes_plot(names: Sequence[str], true: np.ndarray, predicted: Sequence[np.ndarray]) -> str:
    """Share of the records by number of drugs, true and recommended; the last size is "or more"."""
    sizes = np.arange(len(true))

    def paint(axes: Axes) -> None:
        axes.bar(sizes, true, 0.9, color=GRID, label="prescribed")
        for i, (name, shares) in enumerate(zip(names, predicted)):
            axes.plot(
                sizes,
                shares,
                color=_color(i),
                marker=MARKERS[i % len(MARKERS)],
                markersize=4,
                linewidth=1.6,
                label=_short(name),
            )
        axes.set(
            xlabel=f"drugs in the set ({sizes[-1]}: or more)", ylabel="share of records", xlim=(-0.7, len(true) - 0.3)
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        legend_above(axes)

    modes = [f"prescribed most often {int(true.argmax())}"]
    modes += [f"{name} most often {int(shares.argmax())}" for name, shares in zip(names, predicted)]
    return draw("sizes", "Number of drugs a record", "; ".join(modes), 3.4, paint)


def ddi_plot(table: pd.DataFrame, true_rate: float) -> str:
    """Pooled interaction rate of each model before and after the filter, and of what was prescribed."""
    rows = np.arange(len(table))[::-1]

    def paint(axes: Axes) -> None:
        axes.axvline(true_rate, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)), label="prescribed")
        for row, before, after, color in zip(rows, table["ddi_before"], table["ddi_after"], _colors(len(table))):
            if not np.isnan(before):
                axes.plot([before, after], [row, row], color=color, linewidth=2, alpha=0.6)
                axes.plot(before, row, "o", color=color, markerfacecolor=PAPER, markersize=7)
            axes.plot(after, row, "o", color=color, markersize=7, clip_on=False)
            text = f"{after:.2%}" if np.isnan(before) else f"{before:.2%} → {after:.2%}"
            axes.text(0.995, row, text, transform=axes.get_yaxis_transform(), ha="right", va="center", size=9.5)
        axes.plot([], [], "o", color=INK, markerfacecolor=PAPER, linestyle="none", label="before")
        axes.plot([], [], "o", color=INK, linestyle="none", label="after the filter")
        most = np.nanmax([*table["ddi_before"], *table["ddi_after"], true_rate, 1e-3])
        axes.set_xlim(-0.03 * float(most), float(most) * 1.8)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel("interacting pairs / all pairs")
        name_rows(axes, rows, table.index)
        axes.grid(axis="x")
        legend_above(axes)

    words = "; ".join(
        f"{name}: {after:.2%} after" + ("" if np.isnan(before) else f", {before:.2%} before")
        for name, before, after in zip(table.index, table["ddi_before"], table["ddi_after"])
    )
    return draw(
        "ddi",
        "Drug–drug interactions by model",
        f"prescribed: {true_rate:.2%}; {words}",
        1.25 + 0.42 * len(table),
        paint,
    )


def _color(i: int) -> str:
    return SERIES[i % N_SERIES]


def _colors(count: int) -> list[str]:
    return [_color(i) for i in range(count)]


def _short(name: str, columns: int = 20) -> str:
    """The name cut to a width, where a Chinese character takes two columns."""
    kept, used = "", 0
    for letter in name:
        used += 1 + _wide_letters(letter)
        if used > columns:
            return kept.rstrip() + "…"
        kept += letter
    return kept


def _wide_letters(text: str) -> int:
    """Letters that take the room of two."""
    return sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)


def name_rows(axes: Axes, rows: np.ndarray, names: Iterable[str]) -> None:
    """Name rows at the left; Chinese names get the room that the reader's fonts will need."""
    shown = [_short(str(name)) for name in names]
    axes.set_yticks(rows, shown)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    engine, figure = axes.figure.get_layout_engine(), axes.figure
    wide = max((_wide_letters(name) for name in shown), default=0)
    if wide and isinstance(engine, ConstrainedLayoutEngine) and isinstance(figure, Figure):
        # matplotlib's own font has no Chinese and measures 0.6 em a letter for what takes 1 em.
        missing = 0.4 * wide * _FONT_SIZE / 72 / figure.get_figwidth()
        engine.set(rect=(missing, 0, 1 - missing, 1))


def legend_above(axes: Axes) -> None:
    """A legend above the axes, what was prescribed first."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        first = [place for place, label in enumerate(labels) if label == "prescribed"]
        order = first + [place for place in range(len(labels)) if place not in first]
        handles, labels = [handles[place] for place in order], [labels[place] for place in order]
        columns = 3 if sum(map(len, labels)) <= 36 else 2
        axes.figure.legend(
            handles,
            labels,
            loc="outside upper left",
            ncols=columns,
            frameon=False,
            borderaxespad=0.2,
            handlelength=1.4,
            columnspacing=1.2,
        )
