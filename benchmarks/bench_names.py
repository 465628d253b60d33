"""Names of drugs in texts: how fast they are found, and what they tell alone.

    python benchmarks/bench_names.py [--records 3600] [--quality-records 3000] [--seeds 1] [--smoke] [--out DIR]

Speed: every text of generated records, 651 drugs with their aliases and shortened names. Equality comes first: the
automaton's matches are those of looking for each name by itself. A regular expression of all names, the usual way, runs
beside it; it looks at one name a position, so that it may miss a shorter one, and in how many texts it differs is said.
CPU seconds of one thread.

Quality: train on 80 % of the patients, test on the rest. One LightGBM over (record, drug) pairs sees the drug's
frequency and the label blocks of ``RecordVectorizer``, no other word of the record; its decision is that of
bench_synthetic.py, whose ladder also reads words and diagnoses. Seeds 1 to 3 are for development; the tables of other
benchmarks are made with seed 0.
"""

import argparse
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from bench_synthetic import scores, sets_of
from common import show, write_result

from medrec.datasets import Dataset, load
from medrec.features.folding import fold
from medrec.features.matcher import NameMatcher
from medrec.features.mentions import NamesPart
from medrec.features.names import name_table

Found = list[tuple[int, int, str]]


def is_word(character: str) -> bool:
    """Whether a character of these texts is a letter or a digit that is not Chinese."""
    return character.isalnum() and not "\u3400" <= character <= "\u9fff"


def is_whole(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit stands beside a name that begins or ends with one."""
    before, after = text[:start][-1:], text[end:][:1]
    return not (before and is_word(before) and is_word(text[start])) and not (
        after and is_word(after) and is_word(text[end - 1])
    )


def resolve(found: Found) -> Found:
    """Of names that overlap the longest, then the leftmost."""
    kept: Found = []
    for one in sorted(found, key=lambda match: (match[0] - match[1], match[0])):
        if all(one[1] <= other[0] or other[1] <= one[0] for other in kept):
            kept.append(one)
    return sorted(kept)


def one_by_one(names: list[str]) -> Callable[[str], Found]:
    """Each name is looked for by itself."""

    def find(text: str) -> Found:
        found = []
        for name in names:
            start = text.find(name)
            while start >= 0:
                if is_whole(text, start, start + len(name)):
                    found.append((start, start + len(name), name))
                start = text.find(name, start + 1)
        return resolve(found)

    return find


def expression(names: list[str]) -> Callable[[str], Found]:
    """One regular expression, the longest name first, at every position."""
    rule = re.compile(f"(?=({'|'.join(re.escape(name) for name in sorted(names, key=len, reverse=True))}))")

    def find(text: str) -> Found:
        found = [(match.start(1), match.end(1), match[1]) for match in rule.finditer(text)]
        return resolve([one for one in found if is_whole(text, one[0], one[1])])

    return find


def automaton(table: dict[str, list[int]]) -> Callable[[str], Found]:
    """``NameMatcher``, its folding of the text included."""
    matcher = NameMatcher(table)
    return lambda text: [(match.start, match.end, match.pattern) for match in matcher.find(text)]


def speed(n_records: int) -> list[dict[str, Any]]:
    """CPU seconds to find the names of all records, by method; their results are compared."""
    data = load(f"synthetic:records={n_records},seed=1")
    drugs = data.drug_names.tolist()
    table = name_table(drugs, data.aliases)
    columns = [column for column, kind in data.schema.items() if kind == "text"]
    texts = [fold(text or "")[0] for column in columns for text in data.records[column]]
    rows = []
    wanted: list[Found] = []
    for title, find in (
        ("each name by itself", one_by_one(list(table))),
        ("one regular expression", expression(list(table))),
        ("NameMatcher", automaton(table)),
    ):
        start = time.process_time()
        found = [find(text) for text in texts]
        seconds = time.process_time() - start
        wanted = wanted or found
        differ = sum(one != other for one, other in zip(wanted, found))
        if title == "NameMatcher" and differ:
            raise SystemExit(f"NameMatcher differs from looking for each name by itself in {differ} texts")
        rows.append({"method": title, "CPU s": round(seconds, 2), "texts that differ": differ})
    part = NamesPart(data.schema, drugs, data.aliases)
    start = time.process_time()
    part.fit_transform(data.records)
    rows.append({"method": "NamesPart: matches, contexts, blocks", "CPU s": round(time.process_time() - start, 2)})
    rows[-1]["texts that differ"] = ""
    print(f"\n{len(texts)} texts, {sum(map(len, texts)) / 1e6:.1f} million characters, {len(table)} names", flush=True)
    return rows


def blocks_of(data: Dataset, aliases: bool) -> dict[str, np.ndarray]:
    """The label blocks of a data set, dense, by name."""
    part = NamesPart(data.schema, data.drug_names.tolist(), data.aliases if aliases else None)
    return dict(zip(part.kinds, (block.toarray() for block in part.fit_transform(data.records))))


def ladder(n_records: int, seed: int) -> list[dict[str, Any]]:
    """Quality of models that see more and more of the blocks."""
    data = load(f"synthetic:records={n_records},seed={seed}")
    patients = data.groups.astype(int)
    order = np.random.default_rng(0).permutation(np.unique(patients))
    test = np.isin(patients, order[: len(order) // 5])
    Y = data.Y.toarray().astype(bool)
    frequency = Y[~test].mean(axis=0)
    often = np.argsort(-frequency)[:60]
    rows = []
    for title, aliases, pick in (
        ("frequency alone", True, lambda kind: False),
        ("named in which text", True, lambda kind: kind.startswith("named:")),
        ("and how clearly", True, lambda kind: kind.startswith("named:") or kind == "share"),
        ("said of it, no aliases", False, lambda kind: True),
        ("said of it", True, lambda kind: True),
    ):
        blocks = blocks_of(data, aliases)
        chosen = [block for kind, block in blocks.items() if pick(kind)]
        named = np.sum([block for kind, block in blocks.items() if kind.startswith("named:")], axis=0) > 0
        pairs = named.copy()
        pairs[:, often] = True
        row, drug = np.nonzero(pairs)
        X = np.column_stack([frequency[drug], named.sum(axis=1)[row], *(block[row, drug] for block in chosen)])
        known = ~test[row]
        model = lightgbm.LGBMClassifier(
            n_estimators=200, learning_rate=0.06, num_leaves=15, verbose=-1, n_jobs=1, random_state=0
        ).fit(X[known], Y[row, drug][known])
        p = np.zeros(Y.shape)
        p[row[~known], drug[~known]] = model.booster_.predict(X[~known])
        jaccard, f1 = scores(Y[test], p[test])
        unseen = (Y & named)[test][:, frequency == 0]
        hits = (sets_of(p[test])[:, frequency == 0] & unseen).sum()
        rows.append({"model": title, "seed": seed, "blocks": len(chosen), "jaccard": jaccard, "f1": f1})
        rows[-1]["never-seen drugs found"] = f"{hits} of {unseen.sum()}"
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=3600)
    parser.add_argument("--quality-records", type=int, default=3000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--smoke", action="store_true", help="few records, seconds")
    parser.add_argument("--out", type=Path, help="folder for names.json")
    options = parser.parse_args()
    if options.smoke:
        options.records, options.quality_records = 60, 200
    timed = speed(options.records)
    show("speed", timed)
    quality = [row for seed in options.seeds for row in ladder(options.quality_records, seed)]
    show("quality", quality)
    write_result(options.out, "names", speed=timed, quality=quality)


if __name__ == "__main__":
    main()
