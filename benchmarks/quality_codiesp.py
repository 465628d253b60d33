"""Part codiesp: clinical coding, train to dev, with names learned from evidence; what each ingredient is worth."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from common import DATA
from quality_run import DASH, Outcome, Run, Scored, fit_and_score, row
from recommenders_models import there

from medrec.datasets import Dataset, load, read_code_titles, titles_of
from medrec.decision import Threshold
from medrec.metrics import frequency_table
from medrec.recommenders import PairBooster, make_recommender

TASKS = ("D", "P")
OPTIONS: dict[str, Any] = {
    "bases": ("logistic",),
    "pairs": PairBooster(n_estimators=400, num_leaves=15, reg_lambda=1.0, feature_fraction=0.6),
    "n_context": 0,
    "decision": Threshold(tune="micro-f1"),
    "features__char_ngrams": (3, 5),
}
"""Options of the stacked recommender, as ``make_recommender`` takes them; chosen by cross-validation on the training
part for the most part, but dev was looked at some 35 times meanwhile, so its figures are slightly optimistic."""
VARIANTS: dict[str, dict[str, Any]] = {
    "stacked": {},
    "without aliases": {"evidence": False},
    "without linear bases": {"bases": ("neighbors",)},
    "with neighbours": {"bases": ("logistic", "neighbors")},
    "without titles and English texts": {"titles": False},
    "without the classes of codes": {"classes": False},
    "without the pair model": {"pairs": PairBooster(n_estimators=0)},
    "binary relevance, logistic": {"model": "binary-relevance", "titles": False},
}
"""What is changed of ``OPTIONS``; ``model`` says which recommender it is, and three words what is given: ``evidence``
of training cases, ``titles`` of the codes (English ones, with the English texts beside the Spanish), and
``classes``, the codes' categories."""
GIVEN = {"evidence": True, "titles": True, "classes": True}
TITLES = {"D": "mimic4demo/hosp/d_icd_diagnoses.csv.gz"}
"""Titles of ICD-10 codes, those of MIMIC-IV's demo; it has none of procedures."""
FIGURES = ("MAP", "micro F1")
EDGES = (0, 5)
TARGETS = {"MAP": 0.60, "micro F1": 0.70}


def data_of(task: str, language: str, smoke: bool) -> tuple[Dataset, Dataset]:
    """The two parts with the codes of both as labels."""
    if smoke:
        words = ["diabetes", "hipertensión arterial", "neumonía", "fiebre", "úlcera gástrica"]
        sets = [[code for code in range(5) if (number * 7 + code * 3) % 4 == 0] for number in range(60)]
        texts = [" y ".join(["varón", *(words[code] for code in one)]) for one in sets]
        evidence = [[[f"e1{code}", words[code]] for code in one] for one in sets]
        Y = np.asarray([[code in one for code in range(5)] for one in sets], dtype=np.uint8)
        records = pd.DataFrame({"text": texts, "evidence": evidence})
        schema = {"text": "text", "evidence": "evidence"}
        made = Dataset(records, Y, [f"e1{code}" for code in range(5)], schema)
        return made.subset(range(40)), made.subset(range(40, 60))
    paths = [there(DATA / "codiesp" / f"{part}.jsonl.gz") for part in ("train", "dev")]
    parts = [load(f"codiesp:{path}", task=task, language=language) for path in paths]
    codes = sorted({code for part in parts for code in part.drug_names})
    train, dev = (part.align(codes) for part in parts)
    return train, dev


def cell(words: Sequence[str], jobs: int, smoke: bool) -> Outcome:
    task, variant = words
    options = {"model": "stacked", **GIVEN, **OPTIONS, **VARIANTS[variant]}
    model, evidence, titles, classes = (options.pop(key) for key in ("model", *GIVEN))
    titles = titles and task in TITLES
    train, dev = data_of(task, "both" if titles else "es", smoke)
    schema = {column: kind for column, kind in train.schema.items() if evidence or kind != "evidence"}
    if model != "stacked":
        options = {key: value for key, value in options.items() if key in ("decision", "features__char_ngrams")}
    if titles:
        known = {"e10": "diabetes"} if smoke else read_code_titles(there(DATA / TITLES[task]), version="10")
        options["features__descriptions"] = titles_of(train.drug_names, known)
    if classes and model == "stacked":
        options["drug_classes"] = {code: code[:3] for code in train.drug_names}
    pipeline = make_recommender(model, schema=schema, drug_names=train.drug_names, n_jobs=jobs, **options)
    scores, sets, cost = fit_and_score(pipeline, train, dev)
    scored = Scored.of(dev.Y, sets, scores, dev.groups)
    frequency = np.asarray(train.Y.sum(axis=0)).ravel()
    bands = frequency_table(scored.counts, frequency, edges=EDGES)[
        ["band", "labels", "true", "f1_micro", "recall_micro"]
    ]
    return Outcome({**cost, "bands": bands.astype(object).where(bands.notna(), None).to_dict("records")}, {"": scored})


def run(run: Run, jobs: int) -> None:
    for task in TASKS:
        rows, bands = [], []
        for variant in VARIANTS:
            if task not in TITLES and variant == "without titles and English texts":
                continue
            one = run.get("codiesp", task, variant)
            scored = run.scored("codiesp", task, variant)
            rows.append(row(variant, scored, one, FIGURES))
            line = {"model": variant}
            for band in one.get("bands", ()):
                title = f"{band['band']} ({band['labels']} codes, {band['true']} to find)"
                line[title] = DASH if band["f1_micro"] is None else f"{band['f1_micro']:.3f}"
            bands.append(line)
        run.show(f"CodiEsp-{task}, train (500 cases) to dev (250 cases); codes of both are the labels", rows)
        longest = max(bands, key=len)
        run.show(
            f"CodiEsp-{task}: micro-F1 by how many training cases have the code",
            [{key: line.get(key, DASH) for key in longest} for line in bands],
        )
        scored = run.scored("codiesp", task, "stacked")
        for figure, least in TARGETS.items() if task == "D" else ():
            run.target(f"CodiEsp-D, stacked: {figure}", None if scored is None else scored.mean(figure), least)
    run.say(
        "\nPublished for CodiEsp-D: MAP .662 on the *test* split, trained on train + dev, by an ensemble of three "
        "pretrained transformers (López-García et al. 2021). Not the same test records."
    )
