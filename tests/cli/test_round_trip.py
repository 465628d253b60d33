"""The main job by its commands: make, fit, predict, score, evaluate, on generated records in the official layout."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from medrec import load as load_model
from medrec.cli import main
from medrec.datasets import load

QUICK = ["--set", "cv=2", "--set", "features__max_features=2000"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The official folder with a model and a submission beside the records."""
    folder = tmp_path_factory.mktemp("made")
    assert main(["data", "make", "--out", str(folder), "--records", "400"]) == 0
    fit = ["fit", "--data", f"cdrugred:{folder}/CDrugRed_train.jsonl", "--ddi", f"{folder}/ddi.csv"]
    assert main([*fit, "--out", f"{folder}/m", "--model", "binary-relevance", *QUICK]) == 0
    predict(folder, "submission.json")
    return folder


def predict(folder: Path, out: str, *options: str) -> None:
    data = f"cdrugred:{folder}/CDrugRed_test-B.jsonl"
    assert main(["predict", "--model", f"{folder}/m", "--data", data, "--out", f"{folder}/{out}", *options]) == 0


def score(folder: Path, out: str, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    capsys.readouterr()
    truth = f"cdrugred:{folder}/CDrugRed_test-B_truth.jsonl"
    words = ["score", "--truth", truth, "--pred", f"{folder}/{out}", "--json", *options]
    assert main(words) == 0
    return json.loads(capsys.readouterr().out)


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def pairs(folder: Path) -> set[frozenset[str]]:
    rows = (folder / "ddi.csv").read_text(encoding="utf-8").splitlines()[1:]
    return {frozenset(row.split(",")[:2]) for row in rows}


def interacting(drugs: list[str], known: set[frozenset[str]]) -> int:
    return sum(frozenset((a, b)) in known for at, a in enumerate(drugs) for b in drugs[:at])


@pytest.mark.parametrize(
    ("options", "exact"),
    [("stacked", True), ("stacked --decision expected-jaccard", None), ("binary-relevance", None)],
)
def test_a_model_decides_as_it_does_unless_told(tmp_path: Path, options: str, exact: bool | None) -> None:
    bases = ["--set", "bases=['prior']"] if options.startswith("stacked") else []
    words = f"fit --data synthetic:records=60,seed=0 --out {tmp_path}/m --set cv=2 --model {options}"
    assert main([*words.split(), *bases]) == 0
    assert load_model(tmp_path / "m")[-1].decision_.exact is exact


def test_submission_keeps_order_covers_every_id_and_names_candidates(made: Path) -> None:
    submission = json.loads((made / "submission.json").read_text(encoding="utf-8"))
    records = read_lines(made / "CDrugRed_test-B.jsonl")
    assert all(set(entry) == {"ID", "prediction"} for entry in submission)
    assert [entry["ID"] for entry in submission] == [record["就诊标识"] for record in records]
    candidates = set(json.loads((made / "候选药物列表.json").read_text(encoding="utf-8")))
    for entry in submission:
        assert entry["prediction"], "where every true set holds a drug, no predicted one is empty"
        assert len(set(entry["prediction"])) == len(entry["prediction"])
        assert set(entry["prediction"]) <= candidates
    assert not any(record.get("出院带药列表") for record in records)


def test_no_interacting_pair_stays(made: Path) -> None:
    known = pairs(made)
    submission = json.loads((made / "submission.json").read_text(encoding="utf-8"))
    assert known
    assert sum(interacting(entry["prediction"], known) for entry in submission) == 0


def test_score_equals_sets_by_hand(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = {}
    for record in read_lines(made / "CDrugRed_test-B_truth.jsonl"):
        drugs = record["出院带药列表"]
        truth[record["就诊标识"]] = {drugs} if isinstance(drugs, str) else set(drugs)
    jaccard = f1 = 0.0
    for entry in json.loads((made / "submission.json").read_text(encoding="utf-8")):
        y, z = truth.pop(entry["ID"]), set(entry["prediction"])
        jaccard += len(y & z) / len(y | z)
        f1 += 2 * len(y & z) / (len(y) + len(z))
    assert not truth
    n_records = len(read_lines(made / "CDrugRed_test-B.jsonl"))
    figures = score(made, "submission.json", capsys, "--preset", "chip2025")["chip2025"]
    assert figures["jaccard"] == pytest.approx(jaccard / n_records, abs=1e-12)
    assert figures["f1"] == pytest.approx(f1 / n_records, abs=1e-12)
    assert figures["score"] == pytest.approx((jaccard + f1) / 2 / n_records, abs=1e-12)
    assert figures["missing_predictions"] == 0


def test_missing_prediction_counts_as_empty_set(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submission = json.loads((made / "submission.json").read_text(encoding="utf-8"))
    (made / "few.json").write_text(json.dumps(submission[:1]), encoding="utf-8")
    emptied = [submission[0], *({"ID": one["ID"], "prediction": []} for one in submission[1:])]
    (made / "emptied.json").write_text(json.dumps(emptied), encoding="utf-8")
    few = score(made, "few.json", capsys)["chip2025"]
    whole = score(made, "emptied.json", capsys)["chip2025"]
    assert few.pop("missing_predictions") == len(submission) - 1
    assert whole.pop("missing_predictions") == 0
    assert few == whole


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_every_format_scores_the_same(form: str, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predict(made, f"p.{form}", "--format", form)
    wanted = ("--preset", "chip2025", "--preset", "sklearn", "--preset", "dialmed", "--ddi", f"{made}/ddi.csv")
    assert score(made, f"p.{form}", capsys, *wanted) == score(made, "submission.json", capsys, *wanted)


def test_lines_hold_probabilities_best_first(made: Path) -> None:
    predict(made, "p.jsonl", "--format", "jsonl")
    submission = json.loads((made / "submission.json").read_text(encoding="utf-8"))
    for line, entry in zip(read_lines(made / "p.jsonl"), submission, strict=True):
        assert (line["id"], line["drugs"]) == (entry["ID"], entry["prediction"])
        assert line["scores"] == sorted(line["scores"], reverse=True)
        assert all(0 <= value <= 1 for value in line["scores"])


def test_top_k_gives_k_drugs_less_the_interacting(made: Path) -> None:
    predict(made, "top.json", "--top-k", "4")
    known = pairs(made)
    sizes = [len(entry["prediction"]) for entry in json.loads((made / "top.json").read_text(encoding="utf-8"))]
    assert max(sizes) == 4
    assert min(sizes) >= 1
    for entry in json.loads((made / "top.json").read_text(encoding="utf-8")):
        assert interacting(entry["prediction"], known) == 0


def test_same_seed_gives_the_same_bytes(made: Path, tmp_path: Path) -> None:
    for name in ("data", "fit", "predict"):
        words = {
            "data": ["data", "make", "--out", str(tmp_path), "--records", "400"],
            "fit": ["fit", "--data", f"cdrugred:{tmp_path}/CDrugRed_train.jsonl", "--ddi", f"{tmp_path}/ddi.csv"]
            + ["--out", f"{tmp_path}/m", "--jobs", "1", *QUICK],
            "predict": ["predict", "--model", f"{tmp_path}/m", "--data", f"cdrugred:{tmp_path}/CDrugRed_test-B.jsonl"]
            + ["--out", f"{tmp_path}/submission.json"],
        }[name]
        # In processes of their own, where strings hash differently.
        ran = subprocess.run([sys.executable, "-W", "error", "-m", "medrec", *words], capture_output=True, timeout=300)
        assert ran.returncode == 0, ran.stderr.decode()
        assert ran.stdout == b"", "what is no result goes to stderr"
    for name in ("CDrugRed_train.jsonl", "ddi.csv", "候选药物列表.json", "submission.json"):
        assert (tmp_path / name).read_bytes() == (made / name).read_bytes(), name


def test_labels_are_matched_by_name(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from medrec.datasets import write_jsonl

    truth = load(f"cdrugred:{made}/CDrugRed_test-B_truth.jsonl")
    assert list(truth.drug_names) != sorted(truth.drug_names)
    write_jsonl(truth.align(sorted(truth.drug_names)), tmp_path / "truth.jsonl")
    capsys.readouterr()
    assert (
        main(["score", "--truth", f"jsonl:{tmp_path}/truth.jsonl", "--pred", f"{made}/submission.json", "--json"]) == 0
    )
    found = json.loads(capsys.readouterr().out)["chip2025"]
    wanted = score(made, "submission.json", capsys)["chip2025"]
    assert [found[key] for key in ("jaccard", "f1", "score")] == [wanted[key] for key in ("jaccard", "f1", "score")]


def test_evaluate_on_other_records_equals_fit_predict_score(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = score(made, "submission.json", capsys, "--ddi", f"{made}/ddi.csv")["chip2025"]
    words = ["evaluate", "--data", f"cdrugred:{made}/CDrugRed_train.jsonl", "--ddi", f"{made}/ddi.csv", *QUICK]
    words += ["--test", f"cdrugred:{made}/CDrugRed_test-B_truth.jsonl"]
    words += ["--out", f"{tmp_path}/metrics.json", "--report", f"{tmp_path}/report.html"]
    assert main(words) == 0
    figures = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    for key in ("jaccard", "f1", "score", "ddi_pairs", "empty_predicted", "mean_set_size_predicted"):
        assert figures[key] == wanted[key], key
    assert figures["jaccard_unfiltered"] != figures["jaccard"], "here the filter has something to do"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert f"{figures['jaccard']:.3f}" in page
    shown = capsys.readouterr().out
    assert f"{figures['jaccard']:.6f}" in shown


def test_evaluate_in_folds_keeps_patients_together(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    words = ["evaluate", "--data", f"cdrugred:{made}/CDrugRed_train.jsonl", "--cv", "2", "--model", "prior"]
    assert main(words) == 0
    written = capsys.readouterr()
    assert "2 folds by patient" in written.out
    assert "medrec:" not in written.out


def test_describe_prints_only_json(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["data", "describe", f"cdrugred:{made}/CDrugRed_train.jsonl"]) == 0
    found = json.loads(capsys.readouterr().out)
    data = load(f"cdrugred:{made}/CDrugRed_train.jsonl")
    assert found["records"] == len(data) == len(read_lines(made / "CDrugRed_train.jsonl"))
    assert found["drugs"] == 651
    assert found["notes"] == list(data.notes)


COMMANDS = ["demo", "fit", "predict", "evaluate", "score", "data", "data describe", "data make", "data fetch", "doctor"]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_of_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*command.split(), "--help"])
    assert end.value.code == 0
    written = capsys.readouterr()
    assert written.err == ""
    assert f"usage: medrec {command}".rstrip() in written.out


def test_first_segmentation_warns_of_nothing(tmp_path: Path) -> None:
    # Where nothing is compiled yet, jieba's source itself warns.
    code = "import sys; from medrec.features.tokens import segment; sys.pycache_prefix = sys.argv[1]; segment('发热')"
    ran = subprocess.run([sys.executable, "-W", "error", "-c", code, str(tmp_path)], capture_output=True, timeout=120)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    import medrec

    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"medrec {medrec.__version__}\n"


def test_top_k_beyond_the_exact_filter_is_wrong_usage(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = f"cdrugred:{made}/CDrugRed_test-B.jsonl"
    words = ["predict", "--model", f"{made}/m", "--data", data, "--out", f"{made}/all.json", "--top-k", "100000"]
    assert main(words) == 2
    assert "--top-k 100000" in capsys.readouterr().err
    assert not (made / "all.json").exists()
