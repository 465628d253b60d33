"""How hard the generated records are: a ladder of plain models, each of which may see more than the last.

Run ``python benchmarks/bench_synthetic.py [--records 2000] [--seed 0] [--json FILE] [--smoke]``. Split by patient,
80/20. Every model hands probabilities to one decision: sort p, take the k >= 1 that maximises
c_k / (k + sum(p) - c_k). Only scikit-learn and ``make_records`` are used, so that the ladder does not move
when medrec's own models do.
"""

import argparse
import json
import platform
import re
import time
from collections import Counter

import jieba
import numpy as np
import scipy.sparse as sp
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import MultiLabelBinarizer

from medrec.datasets.synthetic import GeneratedRecords, make_records

TEXTS = ("诊疗过程描述", "入院情况", "现病史", "既往史")
CUES = {
    "kept": r"继续|照旧|维持原|延用|仍予|续用",
    "stopped": r"停用|停药|，停|、停|^停|暂停|换为|调整为|改用|替代|疗效欠佳改|^以",
    "started": r"加用|予|给予|出院前加|开始口服",
    "in_hospital": r"住院期间|好转后停用|出院前停药|临时|短期应用",
    "considered": r"建议门诊|拟予|拒绝|可考虑|暂不予|必要时",
    "denied": r"否认|无.*服用史|未使用过|过敏|后出现皮疹",
    "past": r"曾用|早年|曾予|曾服|初服|先后服用|自行停药",
    "irregular": r"间断|不规律|未规律|时断时续",
    "home": r"平素|长期服用|规律使用|目前用|一直服|院外予",
}


def text_of(record: dict, field: str) -> str:
    value = record[field]
    return "".join(value) if isinstance(value, list) else value or ""


def diagnoses_of(record: dict) -> list[str]:
    value = record["出院诊断"] or []
    items = value.split("；") if isinstance(value, str) else value
    return [item.strip() for item in items if item.strip()]


def drugs_of(record: dict) -> list[str]:
    value = record["出院带药列表"]
    return [value] if isinstance(value, str) else value


def sets_of(p: np.ndarray) -> np.ndarray:
    """The plug-in Jaccard decision, with at least one drug a record."""
    order = np.argsort(-p, axis=1, kind="stable")
    cumulative = np.cumsum(np.take_along_axis(p, order, axis=1), axis=1)
    sizes = np.arange(1, p.shape[1] + 1)
    best = (cumulative / (sizes + p.sum(axis=1, keepdims=True) - cumulative)).argmax(axis=1) + 1
    chosen = np.zeros(p.shape, dtype=bool)
    np.put_along_axis(chosen, order, sizes[None, :] <= best[:, None], axis=1)
    return chosen


def scores(truth: np.ndarray, p: np.ndarray) -> tuple[float, float]:
    """Mean Jaccard and F1 over records."""
    chosen = sets_of(p)
    hit = (chosen & truth).sum(axis=1)
    both = chosen.sum(axis=1) + truth.sum(axis=1)
    return float((hit / (both - hit)).mean()), float((2 * hit / both).mean())


def prior(main_train: list[str], truth: np.ndarray, main_test: list[str]) -> np.ndarray:
    """Label frequencies by main diagnosis, shrunk to those of all records."""
    overall = truth.mean(axis=0)
    table = {}
    for name, count in Counter(main_train).items():
        rows = [i for i, other in enumerate(main_train) if other == name]
        table[name] = (truth[rows].sum(axis=0) + 3 * overall) / (count + 3)
    return np.array([table.get(name, overall) for name in main_test])


def linear(X: sp.csr_matrix, truth: np.ndarray, X_test: sp.csr_matrix, C: float) -> np.ndarray:
    """One logistic regression a drug, all at once: sum of log losses times C plus |w|^2 / 2, no penalty on
    the intercept. The weights are X' A, so A is found from the centred kernel by Nesterov's method."""
    p = np.tile(truth.mean(axis=0), (X_test.shape[0], 1))
    drugs = np.flatnonzero(truth.sum(axis=0) >= 3)
    Y = truth[:, drugs].astype(np.float32)
    kernel, kernel_test = ((one @ X.T).toarray().astype(np.float32) for one in (X, X_test))
    middle = kernel.mean(axis=0)
    kernel_test += middle.mean() - middle - kernel_test.mean(axis=1, keepdims=True)
    kernel += middle.mean() - middle - middle[:, None]
    step = 1 / (1 + C * np.linalg.norm(kernel, 2) / 4)
    A = ahead = np.zeros_like(Y)
    intercept = np.log(Y.mean(axis=0) / (1 - Y.mean(axis=0)))
    for turn in range(80):
        chance = 1 / (1 + np.exp(-(kernel @ ahead + intercept)))
        before, A = A, ahead - step * (ahead + C * (chance - Y))
        ahead = A + turn / (turn + 3) * (A - before)
        intercept -= ((chance - Y).sum(axis=0) / (chance * (1 - chance)).sum(axis=0).clip(1)).clip(-1, 1)
    p[:, drugs] = 1 / (1 + np.exp(-(kernel_test @ A + intercept)))
    return p


def structured(train: list[dict], test: list[dict]) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Diagnoses, sex, age, BMI and year."""
    coder = MultiLabelBinarizer(sparse_output=True).fit([diagnoses_of(r) for r in train])
    known = set(coder.classes_)

    def make(records: list[dict]) -> sp.csr_matrix:
        codes = coder.transform([[d for d in diagnoses_of(r) if d in known] for r in records])
        main = [(diagnoses_of(r) or [""])[0] for r in records]
        first = sp.csr_matrix([[float(name == other) for other in coder.classes_] for name in main])
        rest = []
        for r in records:
            born, at = r["出生日期"] or "1950-01", r["就诊时间"] or "2015-01"
            rest.append([r["性别"] == "男", (int(at[:4]) - int(born[:4])) / 50, float(r["BMI"] or 25) / 25])
        return sp.hstack([codes, first, sp.csr_matrix(np.array(rest, dtype=float))]).tocsr()

    return make(train), make(test)


def texts(made: GeneratedRecords, train: list[dict], test: list[dict]) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """TF-IDF of jieba's words, which know the drugs' names, and of character n-grams, section by section."""
    words = jieba.Tokenizer()
    for name, others in made.aliases.items():
        for one in (name, *others):
            words.add_word(one)
    blocks: list[list[sp.csr_matrix]] = [[], []]
    for field in TEXTS:
        for options in (
            {"tokenizer": words.lcut, "token_pattern": None, "min_df": 2},
            {"analyzer": "char", "ngram_range": (2, 4), "max_features": 4000, "min_df": 4},
        ):
            vectors = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **options)
            blocks[0].append(vectors.fit_transform([text_of(r, field) for r in train]))
            blocks[1].append(vectors.transform([text_of(r, field) for r in test]))
    return sp.hstack(blocks[0]).tocsr(), sp.hstack(blocks[1]).tocsr()


def calibrated(p_out_of_fold: np.ndarray, truth: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Platt's calibration, one curve for all drugs, learned on out-of-fold scores."""
    x, x_new = (np.log(q.clip(1e-6, 1 - 1e-6) / (1 - q).clip(1e-6, 1)) for q in (p_out_of_fold, p))
    model = LogisticRegression(C=1e6).fit(x.reshape(-1, 1), truth.ravel())
    return model.predict_proba(x_new.reshape(-1, 1))[:, 1].reshape(p.shape)


def out_of_fold(X: sp.csr_matrix, truth: np.ndarray, fold: np.ndarray, C: float) -> np.ndarray:
    """Scores of every record by a model that has not seen its patient."""
    p = np.zeros(truth.shape)
    for one in np.unique(fold):
        p[fold == one] = linear(X[fold != one], truth[fold != one], X[fold == one], C)
    return p


def mentions(made: GeneratedRecords, records: list[dict], names: list[str], in_context: bool) -> np.ndarray:
    """Per record and drug: where and how it is named, ``(n_records, n_drugs, n_kinds)`` counts.

    Without context: by section only. With context: by the words of the clause, too.
    """
    called: dict[str, list[tuple[int, int]]] = {}
    for drug, name in enumerate(names):
        called.setdefault(name, []).append((drug, 0))
        for alias in made.aliases[name]:
            called.setdefault(alias, []).append((drug, 1))
    pattern = re.compile("|".join(re.escape(c) for c in sorted(called, key=len, reverse=True)))
    clause = re.compile(r"[^；。]*")
    cues = {key: re.compile(rule) for key, rule in CUES.items()}
    n_kinds = 2 * 2 if not in_context else 2 * len(CUES) + 2
    found = np.zeros((len(records), len(names), n_kinds), dtype=np.float32)
    for row, record in enumerate(records):
        for place, field in enumerate(("诊疗过程描述", "现病史", "既往史")):
            for part in clause.findall(text_of(record, field)):
                for match in pattern.finditer(part):
                    # the words nearest to the name decide: before it up to the last name, after it up to the next
                    before = pattern.split(part[: match.start()])
                    after = pattern.split(part[match.end() :])
                    near = (before[-1] if len(before[-1]) > 1 else part[: match.start()])[-8:]
                    window = near + "□" + after[0][:10]
                    for drug, exact in called[match.group()]:
                        if not in_context:
                            found[row, drug, 2 * (place > 0) + exact] += 1
                            continue
                        found[row, drug, exact] += 1
                        for kind, rule in enumerate(cues.values()):
                            if rule.search(window):
                                found[row, drug, 2 + 2 * kind + exact] += 1
    return found


def pairs(
    p: np.ndarray, frequency: np.ndarray, found: np.ndarray, siblings: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Features of the (record, drug) pairs worth looking at, and which they are."""
    worth = found.any(axis=2)
    worth |= p >= np.sort(p, axis=1)[:, [-40]]
    rows, drugs = np.nonzero(worth)
    logit = np.log(p.clip(1e-5, 1 - 1e-5) / (1 - p).clip(1e-5, 1))[rows, drugs]
    share = (frequency / (siblings @ frequency).clip(1e-9))[drugs]
    rank = (-p).argsort(axis=1).argsort(axis=1)[rows, drugs]
    columns = [logit, rank, frequency[drugs], share, p.sum(axis=1)[rows]]
    return np.column_stack([*columns, found[rows, drugs]]), np.column_stack([rows, drugs])


def reader(
    p_out_of_fold: np.ndarray, truth: np.ndarray, p_test: np.ndarray, found: tuple, siblings: np.ndarray
) -> np.ndarray:
    """Boosting over pairs: the linear score, and where and how the drug is named."""
    frequency = truth.mean(axis=0)
    X, place = pairs(p_out_of_fold, frequency, found[0], siblings)
    model = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.06, max_leaf_nodes=15, random_state=0)
    model.fit(X, truth[place[:, 0], place[:, 1]])
    X, place = pairs(p_test, frequency, found[1], siblings)
    p = np.zeros_like(p_test)
    p[place[:, 0], place[:, 1]] = model.predict_proba(X)[:, 1]
    return p


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--smoke", action="store_true", help="few records, seconds")
    options = parser.parse_args()
    if options.smoke:
        options.records = 200
    jieba.setLogLevel("ERROR")
    start = time.perf_counter()
    made = make_records(options.records, seed=options.seed)
    making = time.perf_counter() - start
    patient = np.array([int(r["患者序号"]) for r in made.records])
    order = np.random.default_rng(0).permutation(np.unique(patient))
    is_test = np.isin(patient, order[: len(order) // 5])
    train = [r for r, held in zip(made.records, is_test) if not held]
    test = [r for r, held in zip(made.records, is_test) if held]
    names = made.candidates
    coder = MultiLabelBinarizer(classes=names).fit([names])
    Y, truth = (coder.transform([drugs_of(r) for r in part]).astype(bool) for part in (train, test))
    print(
        f"{options.records} records made in {making:.2f} s; {Y.sum(axis=1).mean():.2f} drugs a record; "
        f"{int((Y.any(axis=0)).sum())} of {len(names)} drugs in {len(train)} training records"
    )
    rows: list[dict] = []

    def report(name: str, p: np.ndarray, since: float) -> None:
        jaccard, f1 = scores(truth, p)
        rows.append({"model": name, "jaccard": jaccard, "f1": f1, "drugs": float(sets_of(p).sum(axis=1).mean())})
        print(
            f"{name:<46} {jaccard:.3f}  {f1:.3f}  {rows[-1]['drugs']:5.2f}  {time.perf_counter() - since:5.1f} s",
            flush=True,
        )

    print(f"{'model':<46} Jacc.  F1     drugs   time")
    since = time.perf_counter()
    mains = [[(diagnoses_of(r) or [""])[0] for r in part] for part in (train, test)]
    report("prior by main diagnosis", prior(mains[0], Y, mains[1]), since)
    since = time.perf_counter()
    fold = patient[~is_test] % 3
    S, S_test = structured(train, test)
    p_fold = out_of_fold(S, Y, fold, 0.3)
    report("logistic: diagnoses, sex, age, BMI", calibrated(p_fold, Y, linear(S, Y, S_test, 0.3)), since)
    since = time.perf_counter()
    T, T_test = texts(made, train, test)
    X, X_test = sp.hstack([0.5 * S, T]).tocsr(), sp.hstack([0.5 * S_test, T_test]).tocsr()
    p_test, p_fold = linear(X, Y, X_test, 2.0), out_of_fold(X, Y, fold, 2.0)
    report("logistic: the same and the texts", calibrated(p_fold, Y, p_test), since)
    since = time.perf_counter()
    ingredient = np.array([made.aliases[name][0] for name in names])
    siblings = (ingredient[:, None] == ingredient[None, :]).astype(float)
    for label, in_context in (
        ("boosting on that and names, no context", False),
        ("boosting on that and names in context", True),
    ):
        found = tuple(mentions(made, part, names, in_context) for part in (train, test))
        report(label, reader(p_fold, Y, p_test, found, siblings), since)
        since = time.perf_counter()
    if options.json:
        about = {"python": platform.python_version(), "numpy": np.__version__, "sklearn": sklearn.__version__}
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"records": options.records, "seed": options.seed, "rows": rows, **about}, file, indent=1)


if __name__ == "__main__":
    main()
