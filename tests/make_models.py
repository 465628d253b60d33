"""Writes the model files of ``tests/data/models``: run once for every layout of model files.

``python -m tests.make_models tests/data/models/format2`` fits small models on ``records.jsonl`` beside that folder and
keeps what each predicts, so that later versions are tested on the files of earlier ones.
"""

import json
import sys
from pathlib import Path
from typing import Any

import medrec
from medrec.datasets import load
from medrec.recommenders import LightGBMBase, PairBooster, XGBoostBase, make_recommender

SMALL: dict[str, Any] = {"n_estimators": 3, "max_columns": 20}
STACK = {"cv": 2, "names": True, "bases": ("logistic", "neighbors"), "pairs": PairBooster(n_estimators=3)}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "prior": ("prior", {}),
    "logistic": ("binary-relevance", {"cv": 2}),
    "svm": ("chain", {"cv": 2, "base": "svm", "decision": "expected-f1"}),
    "lightgbm": ("binary-relevance", {"cv": 2, "base": LightGBMBase(**SMALL), "decision": "cardinality"}),
    "xgboost": ("chain", {"cv": 2, "base": XGBoostBase(**SMALL), "decision": "tuned-threshold"}),
    "neighbors": ("neighbors", {"cv": 2, "decision": "scutfbr"}),
    "two-levels": ("stacked-binary-relevance", {"cv": 2}),
    "stacked": ("stacked", STACK),
}


def main(folder: Path) -> None:
    """Fit every model and write it with its predictions."""
    folder.mkdir(parents=True, exist_ok=True)
    data = load(f"jsonl:{folder.parent / 'records.jsonl'}")
    expected = {}
    for name, (kind, options) in MODELS.items():
        limits = {} if kind == "prior" else {"features__max_features": 15}
        pipeline = make_recommender(
            kind, schema=data.schema, drug_names=data.drug_names, ddi=data.ddi, **limits, **options
        )
        pipeline.fit(data.records, data.Y, recommender__groups=data.groups)
        medrec.save(pipeline, folder / f"{name}.medrec", fingerprint=data.fingerprint())
        expected[name] = {
            "probabilities": pipeline.predict_proba(data.records)[:3].round(6).tolist(),
            "sets": pipeline.predict(data.records)[:3].toarray().tolist(),
        }
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in expected.items())
    (folder / "expected.json").write_text(f"{{\n{text}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
