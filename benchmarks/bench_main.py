"""The README's tables: generated records, DialMed in five folds, Mulan's official splits.

    python benchmarks/bench_main.py [--only demo dialmed mulan] [--smoke] [--out FILE]

The real data is looked for in MEDREC_DATA (default: ../shared/data); a table whose data is absent is left out, and
that is said. Figures are printed as Markdown; --out writes them as JSON with machine and versions.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import DATA, show

from medrec import BinaryRelevanceRecommender, ChainRecommender, DDIGraph
from medrec._io import library_versions
from medrec.cli.demo import RECORDS, compare
from medrec.datasets import load, make_records, read_cdrugred, write_records
from medrec.metrics import overlap_counts, prauc
from medrec.recommenders import LinearBase, make_recommender
from medrec.report import summary_table
from medrec.tuning import cross_decide

DIALMED = {
    "prior by disease": ("prior", {}),
    "binary relevance, logistic": ("binary-relevance", {}),
    "binary relevance, SVM": ("binary-relevance", {"base": "svm"}),
    "binary relevance, LightGBM": ("binary-relevance", {"base": "lightgbm-fast"}),
    "stacked binary relevance": ("stacked-binary-relevance", {}),
    "neighbors": ("neighbors", {}),
    "chain, logistic": ("chain", {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--smoke", action="store_true", help="a few records, to see that it runs")
    parser.add_argument("--out", type=Path)
    parsed = parser.parse_args()
    results = {}
    for name in parsed.only:
        results[name] = TABLES[name](parsed.smoke)
    if parsed.out is not None:
        facts = {
            "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "system": platform.system()},
            "versions": library_versions(),
            "commit": subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip(),
            "smoke": parsed.smoke,
        }
        parsed.out.parent.mkdir(parents=True, exist_ok=True)
        parsed.out.write_text(json.dumps({**facts, **results}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def demo(smoke: bool) -> list[dict]:
    """The table of ``medrec demo``."""
    n_records = 200 if smoke else RECORDS
    with tempfile.TemporaryDirectory() as folder:
        write_records(make_records(n_records, seed=0), folder)
        train = read_cdrugred(Path(folder) / "CDrugRed_train.jsonl")
        test = read_cdrugred(Path(folder) / "CDrugRed_test-B_truth.jsonl")
        graph = DDIGraph.from_file(Path(folder) / "ddi.csv", train.drug_names)
        systems = list(compare(train, test, graph, {}))
    table = summary_table(systems, Y=test.Y, groups=test.groups, graph=graph)
    rows = [
        {
            "model": name,
            "Jaccard": row["jaccard"],
            "95 %": f"{row['jaccard_low']:.3f}–{row['jaccard_high']:.3f}",
            "F1": row["f1"],
            "PRAUC": row["prauc"],
            "empty sets": int(row["empty_sets"]),
            "DDI before": f"{row['ddi_before']:.2%}",
            "DDI after": f"{row['ddi_after']:.2%}",
            "seconds": round(row["seconds"], 1),
        }
        for name, row in table.iterrows()
    ]
    show(f"Generated records: {len(train)} to fit, {len(test)} of other patients to test", rows)
    return rows


def dialmed(smoke: bool) -> list[dict]:
    """Five folds of DialMed's development split, masks dropped."""
    if not (DATA / "dialmed").is_dir():
        print(f"\nDialMed left out: {DATA / 'dialmed'} is absent", file=sys.stderr)
        return []
    data = load(f"dialmed:{DATA / 'dialmed' / 'dev.txt'}", masks="drop")
    if smoke:
        data = data.subset(range(150))
    rows = []
    for name, (model, options) in DIALMED.items():
        start = time.perf_counter()
        more = {} if model == "prior" else {"n_jobs": -1}

        def make(model=model, options=options, more=more):
            return make_recommender(model, schema=data.schema, drug_names=data.drug_names, **options, **more)

        scores, sets, _ = cross_decide(make, data, n_splits=2 if smoke else 5)
        counts = overlap_counts(data.Y, sets)
        rows.append(
            {
                "model": name,
                "Jaccard": counts.jaccard(),
                "F1": counts.f1(),
                "micro Jaccard": counts.jaccard("micro"),
                "micro F1": counts.f1("micro"),
                "PRAUC": prauc(data.Y, scores),
                "empty sets": counts.empty_sets(),
                "seconds": round(time.perf_counter() - start, 1),
            }
        )
    show(f"DialMed (He et al. 2022), {len(data)} dialogues of the development split, 5 folds, masks dropped", rows)
    return rows


def mulan(smoke: bool) -> list[dict]:
    """Mulan's medical and enron on their official splits."""
    if not (DATA / "mulan").is_dir():
        print(f"\nMulan left out: {DATA / 'mulan'} is absent", file=sys.stderr)
        return []
    rows = []
    logistic = LinearBase(C=10, normalize=True)
    systems = {
        "binary relevance, logistic C=10, default decision": BinaryRelevanceRecommender(logistic, n_jobs=-1),
        "the same at 0.5": BinaryRelevanceRecommender(logistic, decision="threshold", n_jobs=-1),
        "chain, logistic C=10": ChainRecommender(logistic, n_jobs=-1),
    }
    for name in ("medical", "enron"):
        train, test = (load(f"arff:{DATA / 'mulan' / name / f'{name}-{part}.arff.gz'}") for part in ("train", "test"))
        for title, recommender in systems.items():
            if smoke and "chain" in title:
                continue
            start = time.perf_counter()
            recommender.fit(train.records.to_numpy(), train.Y)
            counts = overlap_counts(test.Y, recommender.predict(test.records.to_numpy()))
            rows.append(
                {
                    "data": name,
                    "model": title,
                    "Jaccard": counts.jaccard(),
                    "F1": counts.f1(),
                    "micro F1": counts.f1("micro"),
                    "empty sets": counts.empty_sets(),
                    "seconds": round(time.perf_counter() - start, 1),
                }
            )
    show("Mulan, official splits", rows)
    return rows


TABLES = {"demo": demo, "dialmed": dialmed, "mulan": mulan}

if __name__ == "__main__":
    main()
