"""The documents of the repository: their blocks of code, their headings and their links."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = sorted(
    path for path in (ROOT / "docs").rglob("*.md") if not {"_build", "generated"} & set(path.relative_to(ROOT).parts)
)
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *PAGES, *NOTEBOOKS]

_FENCE = re.compile(r"^(?P<mark>```+)(?P<kind>[^\n`]*)\n(?P<text>.*?)^(?P=mark)[ ]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^()\s>]+(?:\([^)]*\))?)>?[^)]*\)")
_NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?|-?\d+")
_HEADING = re.compile(r"^#{1,6}[ ]+(.+?)[ ]*#*$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page; ``output`` is the block of kind ``text`` that follows it at once."""

    kind: str
    code: str
    output: str | None
    line: int


def text_of(path: Path) -> str:
    """The Markdown of a document: of a notebook, that of its Markdown cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def blocks_of(text: str) -> list[Block]:
    """The blocks of a page, in order."""
    found = list(_FENCE.finditer(text))
    blocks = []
    for at, match in enumerate(found):
        after = found[at + 1] if at + 1 < len(found) else None
        shown = after is not None and after["kind"] == "text" and not text[match.end() : after.start()].strip()
        line = text.count("\n", 0, match.start()) + 2
        blocks.append(Block(match["kind"].strip(), match["text"], after["text"] if shown and after else None, line))
    return blocks


def links_of(text: str) -> Iterator[str]:
    """The targets of a page's links, without those in code."""
    plain = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))
    yield from (match[1] for match in _LINK.finditer(plain))


def anchors_of(text: str) -> set[str]:
    """The anchors of a page's headings, as repository pages and MyST make them."""
    anchors: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        words = re.sub(r"\]\([^)]*\)", "", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        at = 0
        while (one := slug if not at else f"{slug}-{at}") in anchors:
            at += 1
        anchors.add(one)
    return anchors


def agrees(printed: str, shown: str) -> bool:
    """Whether words are the same, numbers nearly so (libraries differ a little), and ``…`` stands for anything."""
    want, got = shown.split(), printed.split()
    if "…" in want:
        cut = want.index("…")
        want, tail = want[:cut], want[cut + 1 :]
        got = got[: len(want)] + (got[-len(tail) :] if tail else [])
        want += tail
    if len(want) != len(got):
        return False
    for one, other in zip(want, got):
        if _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
            return False
        for number, again in zip(_NUMBER.findall(one), _NUMBER.findall(other)):
            if abs(float(number) - float(again)) > max(0.03, 0.05 * abs(float(number))):
                return False
    return True
