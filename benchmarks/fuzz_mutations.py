"""Random mutations of files: bytes, lines, words, JSON values, cells, members of zip files, words of commands."""

import csv
import gzip
import hashlib
import io
import json
import random
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

WORDS = [
    *(
        "NaN",
        "nan",
        "1e999",
        "-1e999",
        "inf",
        "-1",
        "0",
        "00",
        "-0",
        "1",
        "²",
        "٣",
        "1.5",
        "true",
        "null",
        "None",
        "''",
    ),
    *("9" * 25, "9" * 5000, "0x10", "1_000", "2150-13-45", "0000-00-00", "9999-12-31 23:59:59", "\\ud800", "\\u0000"),
    *(
        "\0",
        "\ufeff",
        "\r\n",
        "\r",
        "\u2028",
        "\x1a",
        "\x85",
        "\t",
        "\ud7ff",
        "😀",
        "é",
        "　",
        '"',
        "'",
        "\\",
        ",",
        ";",
    ),
    *("{", "}", "[", "]", "{}", "[]", "[" * 3000, "{" * 50, "%", "?", "@data\n", "@attribute x {0,1}\n", "<", "&#0;"),
    *(
        "&lol;",
        "../../etc/passwd",
        "/dev/zero",
        "/etc/passwd",
        "-",
        "--",
        "=",
        ":",
        "|",
        "阿司匹林肠溶片",
        "",
        " ",
        "\n",
    ),
]
"""What is put in the place of a word, or between two."""
VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 10**30, -(10**30), 0.5, -0.0, 1e308, float("nan"), float("inf"), "", " ", "a"),
    *(
        "\0",
        "\ud800",
        "٣",
        "9" * 400,
        "1e999",
        "x" * 300_000,
        [],
        [[]],
        {},
        {"a": 1},
        [None],
        [1, "a"],
        "2015-13",
        "NaN",
    ),
    *({"": ""}, ["a"] * 3, [["a", "b", "c", "d"]], "阿司匹林肠溶片", "甲", "text", "number", "drugs", "id"),
]
"""What is put in the place of a JSON value."""
INTS = [-1, 0, 1, 2, 7, 255, 2**31 - 1, -(2**31), 2**32, 2**63 - 1, -(2**63)]


def mutate(content: bytes, name: str, rng: random.Random) -> bytes:
    """A mutated copy of a file's bytes; ``name`` says what kinds of mutation fit."""
    packed = name.endswith(".gz")  # of which most are mutated inside
    if packed and rng.random() < 0.6:
        return gzip.compress(mutate(gzip.decompress(content), name[:-3], rng), mtime=0)
    kinds: list[Callable[[bytes, random.Random], bytes]] = [*BYTES]
    if name.endswith((".json", ".jsonl")) or name.startswith("talk/"):
        kinds += [json_value] * 12
    if name.endswith((".csv", ".tsv")):
        kinds += [cell] * 12
    if zipfile.is_zipfile(io.BytesIO(content)):
        kinds += [model] * 40
    elif not packed:
        kinds += [*LINES, *LINES, word, word, word, word, word]
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        kind = rng.choice(kinds)
        try:
            content = kind(content, rng)
        except Exception:  # what was mutated before may be no CSV, JSON or zip any more
            content = flip(content, rng)
    return content


# ------------------------------------------------------------------------------------------------------------- bytes


def flip(content: bytes, rng: random.Random) -> bytes:
    """Flip single bits."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 3, 30)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def overwrite(content: bytes, rng: random.Random) -> bytes:
    """Put random bytes over some."""
    at = rng.randrange(len(content) + 1)
    some = rng.randbytes(rng.choice((1, 2, 4, 8, 64)))
    return content[:at] + some + content[at + len(some) :]


def insert(content: bytes, rng: random.Random) -> bytes:
    """Put random bytes in between."""
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.randbytes(rng.choice((1, 1, 4, 100))) + content[at:]


def delete(content: bytes, rng: random.Random) -> bytes:
    """Take a piece out."""
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[at + rng.choice((1, 1, 2, 10, 300)) :]


def repeat(content: bytes, rng: random.Random) -> bytes:
    """Put a piece there twice, or very often."""
    at = rng.randrange(len(content) + 1)
    piece = content[at : at + rng.choice((1, 5, 50, 500))]
    return content[:at] + piece * rng.choice((1, 2, 2, 50, 1 + 300_000 // max(1, len(piece)))) + content[at:]


def cut(content: bytes, rng: random.Random) -> bytes:
    """Cut it off."""
    return content[: rng.randrange(len(content) + 1)]


def number_bytes(content: bytes, rng: random.Random) -> bytes:
    """A special integer over some bytes."""
    at = rng.randrange(len(content) + 1)
    some = struct.pack("<q", rng.choice(INTS))[: rng.choice((1, 2, 4, 8))]
    return content[:at] + some + content[at + len(some) :]


def recode(content: bytes, rng: random.Random) -> bytes:
    """Another encoding, a byte-order mark, other line ends, packed or doubled."""
    text = content.decode("utf-8", errors="replace")
    ways: list[Callable[[], bytes]] = [
        *(
            lambda code=code: text.encode(code, errors="replace")
            for code in ("utf-16", "utf-16-le", "gb18030", "latin-1")
        ),
        lambda: b"\xef\xbb\xbf" + content,
        lambda: content.replace(b"\n", b"\r\n"),
        lambda: content.replace(b"\n", b"\r"),
        lambda: gzip.compress(content, mtime=0),
        lambda: content + content,
        lambda: b"",
        lambda: content + b"\0" * 100,
    ]
    return rng.choice(ways)()


BYTES = [flip, overwrite, insert, delete, repeat, cut, number_bytes, recode]

# -------------------------------------------------------------------------------------------------- lines and words


def swap_lines(content: bytes, rng: random.Random) -> bytes:
    """Two lines change places."""
    rows = content.split(b"\n")
    one, other = rng.randrange(len(rows)), rng.randrange(len(rows))
    rows[one], rows[other] = rows[other], rows[one]
    return b"\n".join(rows)


def double_line(content: bytes, rng: random.Random) -> bytes:
    """A line stands twice."""
    rows = content.split(b"\n")
    at = rng.randrange(len(rows))
    return b"\n".join([*rows[: at + 1], *rows[at:]])


def drop_line(content: bytes, rng: random.Random) -> bytes:
    """A line is missing, or two are one."""
    rows = content.split(b"\n")
    at = rng.randrange(len(rows))
    return (
        b"\n".join(rows[:at] + rows[at + 1 :]) if rng.random() < 0.7 else b"\n".join(rows[:at]) + b"\n".join(rows[at:])
    )


LINES = [swap_lines, double_line, drop_line]


def word(content: bytes, rng: random.Random) -> bytes:
    """Another word in the place of one, or between two."""
    pieces = re.split(rb'([\s,;:{}\[\]"\'=<>]+)', content)
    at = rng.randrange(len(pieces))
    new = rng.choice(WORDS).encode("utf-8", errors="surrogatepass")
    return b"".join(pieces[:at] + [new] + pieces[at + (rng.random() < 0.7) :])


# -------------------------------------------------------------------------------------------------------------- JSON


def json_value(content: bytes, rng: random.Random) -> bytes:
    """Another value at a random place of a document, or of a line of it."""
    try:
        return _dump(_changed(json.loads(content), rng), rng)
    except (ValueError, RecursionError):
        pass
    rows = content.split(b"\n")
    at = rng.randrange(len(rows))
    try:
        rows[at] = _dump(_changed(json.loads(rows[at]), rng), rng)
    except (ValueError, RecursionError):
        return word(content, rng)
    return b"\n".join(rows)


def _dump(value: Any, rng: random.Random) -> bytes:
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", errors="surrogatepass")


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += _places(inner, (*path, key))
    return found


def _changed(value: Any, rng: random.Random) -> Any:
    path = rng.choice(_places(value))
    if not path:
        return rng.choice(VALUES)
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    key, old = path[-1], holder[path[-1]]
    choice = rng.random()
    if choice < 0.15:
        del holder[key]
    elif choice < 0.25 and isinstance(holder, dict):
        holder[str(rng.choice((*holder, "x", "", "id", "medrec")))] = holder.pop(key)
    elif choice < 0.35 and isinstance(holder, list):
        holder.insert(key, old)
    elif choice < 0.45:
        holder[key] = [old] if rng.random() < 0.5 else {"a": old}
    elif choice < 0.6 and isinstance(old, (int, float)) and not isinstance(old, bool):
        holder[key] = rng.choice((-old, old + 1, old - 1, old * 1000, str(old), old + 0.5, rng.choice(INTS)))
    elif choice < 0.6 and isinstance(old, str) and old:
        holder[key] = rng.choice((old + old, old[:-1], old[::-1], old.upper(), f" {old} ", old + "\n", old + "\0"))
    else:
        holder[key] = rng.choice(VALUES)
    return value


# --------------------------------------------------------------------------------------------------------------- CSV


def cell(content: bytes, rng: random.Random) -> bytes:
    """Another cell, one too many or too few, columns in another order."""
    tabs = b"\t" in content.split(b"\n")[0]
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), delimiter="\t" if tabs else ","))
    except (ValueError, csv.Error):
        return word(content, rng)
    rows = [row for row in rows if row]
    if not rows:
        return word(content, rng)
    row = rng.choice(rows)
    at = rng.randrange(len(row))
    choice = rng.random()
    if choice < 0.6:
        row[at] = rng.choice((*WORDS, row[at] * 2, row[at][:-1], rng.choice(rng.choice(rows))))
    elif choice < 0.7:
        row.insert(at, rng.choice(WORDS))
    elif choice < 0.8:
        del row[at]
    elif choice < 0.9:
        for one in rows:
            one.append(one.pop(min(at, len(one) - 1)) if one else "")
    else:
        rows[0][min(at, len(rows[0]) - 1)] = rng.choice((*rows[0], "", " hadm_id ", "ID", "drug")) if rows[0] else ""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", delimiter="\t" if tabs else ",").writerows(rows)
    return out.getvalue().encode("utf-8", errors="surrogatepass")


# ------------------------------------------------------------------------------------------------------------ models


def model(content: bytes, rng: random.Random) -> bytes:
    """A model file whose members, or what stands in them, are others; mostly with the right checksum."""
    with zipfile.ZipFile(io.BytesIO(content)) as outer:
        names = outer.namelist()
        manifest, blob = outer.read(names[0]), outer.read(names[1])
        facts = json.loads(manifest)
    choice = rng.random()
    if choice < 0.1:
        manifest = json_value(manifest, rng)
        return _zip([(names[0], manifest), (names[1], blob)], rng)
    blob = rng.choice(BYTES)(blob, rng) if choice < 0.15 else _inner(blob, rng)
    if isinstance(facts, dict) and rng.random() < 0.95:
        facts["sha256"] = hashlib.sha256(blob).hexdigest()
        manifest = json.dumps(facts).encode("utf-8", errors="surrogatepass")
    return _zip([(names[0], manifest), (names[1], blob)], rng, strange=0.05)


def _zip(members: list[tuple[str, bytes]], rng: random.Random, strange: float = 0.0, packed: int = 0) -> bytes:
    if rng.random() < strange:
        at = rng.randrange(len(members))
        change = rng.choice(("twice", "gone", "name", "order", "more"))
        if change == "twice":
            members = [*members, (members[at][0], rng.choice(members)[1])]
        elif change == "gone":
            members = members[:at] + members[at + 1 :]
        elif change == "name":
            name = rng.choice(("../x", "/tmp/x", "a/b", "", members[at][0] + "x", "x" * 300, "schema.json"))
            members = [*members[:at], (name, members[at][1]), *members[at + 1 :]]
        elif change == "order":
            rng.shuffle(members)
        else:
            members = [*members, (rng.choice(("evil.py", "0.npy", "../../x")), b"\x93NUMPY" * rng.randrange(3))]
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", packed) as archive:
        warnings.simplefilter("ignore")  # names that stand twice
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=packed, compresslevel=1)
    return out.getvalue()


def _inner(blob: bytes, rng: random.Random) -> bytes:
    """``model.skops`` with other objects, arrays or texts of boosters in it."""
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    choice = rng.random()
    arrays = [at for at, (name, _) in enumerate(members) if name.endswith((".npy", ".npz"))]
    if choice < 0.35 and arrays:
        at = rng.choice(arrays)
        name, content = members[at]
        members[at] = name, _sparse(content, rng) if name.endswith("z") else _array(content, rng)
    else:
        at = next((at for at, (name, _) in enumerate(members) if name == "schema.json"), 0)
        name, content = members[at]
        members[at] = name, _schema(content, rng)
    return _zip(members, rng, strange=0.05, packed=zipfile.ZIP_DEFLATED)


def _schema(content: bytes, rng: random.Random) -> bytes:
    """Another node, or another text of a booster."""
    texts = [
        match for match in re.finditer(rb'"content": "(?:[^"\\]|\\.)*"', content) if match.end() - match.start() > 2000
    ]
    if texts and rng.random() < 0.6:
        match = rng.choice(texts)
        try:
            text = json.loads(json.loads(match[0].partition(b": ")[2]))
        except ValueError:
            return word(content, rng)
        encoded = json.dumps(json.dumps(_booster(text, rng))) if isinstance(text, str) else '"1"'
        return content[: match.start()] + b'"content": ' + encoded.encode() + content[match.end() :]
    return rng.choice((json_value, json_value, json_value, word, flip))(content, rng)


def _booster(text: str, rng: random.Random) -> str:
    """A number, a line or a list of a booster's text changed."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        choice = rng.random()
        numbers = list(re.finditer(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", text))
        if choice < 0.7 and numbers:
            one = rng.choice(numbers)
            new = rng.choice(
                (*map(str, INTS), "nan", "inf", "1e999", "", "x", "-", one[0] * 2, "1 2", "3,4", "[]", "-5")
            )
            text = text[: one.start()] + new + text[one.end() :]
        elif choice < 0.9:
            text = rng.choice(LINES)(text.encode(), rng).decode()
        else:
            text = rng.choice((cut, repeat, delete))(text.encode(), rng).decode(errors="replace")
    return text


def _array(content: bytes, rng: random.Random) -> bytes:
    """Other values, mostly integers, behind the header; or another header."""
    head = 10 + int.from_bytes(content[8:10], "little")
    if rng.random() < 0.25:
        new = rng.choice((b"(1099511627776,)", b"(0,)", b"(-1,)", b"(3, 1)", b"()", b"(2, 2, 2)"))
        changed = re.sub(rb"\(\d*,?[\d, ]*\)", new, content[:head], count=1) + content[head:]
        return changed if rng.random() < 0.7 else changed.replace(b"<i8", b"|O ").replace(b"<f8", b"<i8")
    values = bytearray(content)
    for _ in range(rng.choice((1, 1, 3))):
        if len(content) - head >= 8:
            at = head + 4 * rng.randrange((len(content) - head) // 4 - 1)
            size = rng.choice((4, 8))
            values[at : at + size] = struct.pack("<q", rng.choice((*INTS, rng.randrange(50), 0x7FF8000000000000)))[
                :size
            ]
    return bytes(values)


def _sparse(content: bytes, rng: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    at = rng.randrange(len(members))
    members[at] = members[at][0], _array(members[at][1], rng)
    return _zip(members, rng, strange=0.1, packed=zipfile.ZIP_DEFLATED)


# ---------------------------------------------------------------------------------------------------------- commands

KEEP = ("--out", "--html", "--data", "--model", "--truth", "--report")
"""Options whose value stays: the fuzzer is to write nowhere else."""
VALID_FREE = ("synthetic:records=5", "jsonl:own.jsonl", "cdrugred:pred.json", "arff:ddi.csv", "dialmed:.", "gamenet:.")


def mutate_words(command: list[str], rng: random.Random) -> list[str]:
    """Another value of an option, an option twice or without value, words in another order."""
    words = list(command)
    for _ in range(rng.choice((1, 1, 2, 3))):
        free = [at for at in range(1, len(words)) if words[at - 1] not in KEEP and words[at] not in KEEP]
        at = rng.choice(free)
        choice = rng.random()
        new = rng.choice(WORDS).replace("\0", "").encode("utf-8", errors="surrogateescape").decode("utf-8", "replace")
        if choice < 0.5 and "=" in words[at]:
            key, _, value = words[at].partition("=")
            words[at] = rng.choice((f"{key}={new}", f"{new}={value}", key, f"={value}", f"{key}={value}={new}"))
        elif choice < 0.5:
            words[at] = new
        elif choice < 0.6:
            del words[at]
        elif choice < 0.7:
            words.insert(at, words[at])
        elif choice < 0.85:
            words.insert(at, new)
        else:
            sources = [at for at in range(1, len(words)) if words[at - 1] in ("--data", "--truth")]
            if sources:
                words[rng.choice(sources)] = rng.choice(VALID_FREE)
    return words
