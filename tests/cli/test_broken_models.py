"""Model files that are none: each is refused, and nothing in them runs."""

import functools
import hashlib
import io
import json
import os
import pickle
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import skops.io

from tests.cli.broken import PREDICT
from tests.cli.commands import assert_refused, run
from tests.cli.files import HEADER, as_lines, snapshot


class Trap:
    """Unpickled, it would leave a file."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, ("trapped",)


def repack(packed_model: bytes, **entries: bytes) -> bytes:
    """A model file with some of its two entries replaced (``manifest`` or ``model``)."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed_model)) as old, zipfile.ZipFile(packed, "w") as new:
        if "model" in entries:  # a stranger would write the right checksum
            digest = hashlib.sha256(entries["model"]).hexdigest()
            manifest = json.loads(old.read("manifest.json")) | {"sha256": digest}
            entries = {"manifest": json.dumps(manifest).encode()} | entries
        for name in old.namelist():
            new.writestr(name, entries.get(name.split(".")[0], old.read(name)))
    return packed.getvalue()


def repack_skops(model: bytes, change: Callable[[str], str]) -> bytes:
    """A model file whose schema of types was edited."""
    with zipfile.ZipFile(io.BytesIO(model)) as outer:
        blob = outer.read("model.skops")
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(blob)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content.decode()) if name == "schema.json" else content)
    return repack(model, model=packed.getvalue())


def zip_of(**entries: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return packed.getvalue()


MODELS: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("pickle", lambda model: pickle.dumps(Trap()), r"model: is a pickle, which could run anything"),
    ("old pickle", lambda model: pickle.dumps(Trap(), protocol=0), r"model: is no medrec model"),
    ("pickle inside", lambda model: repack(model, model=pickle.dumps(Trap())), r"model: is damaged"),
    ("empty file", lambda model: b"", r"model: is no medrec model"),
    ("text", lambda model: b"hello", r"model: is no medrec model"),
    ("cut off", lambda model: model[: len(model) // 2], r"model: is a damaged or cut-off model"),
    ("no model", lambda model: zip_of(a=b"b"), r"model: is a zip file but no medrec model"),
    (
        "only a manifest",
        lambda model: zip_of(**{"manifest.json": b'{"format": 1}'}),
        r"model: is a zip .*\(has the members manifest.json inst",
    ),
    ("huge manifest", lambda model: zip_of(**{"manifest.json": b" " * 10**7}), r"model: is a zip file but no medrec"),
    ("deep manifest", lambda model: repack(model, manifest=b"[" * 10**5), r"model: is damaged \(RecursionError"),
    ("manifest of a list", lambda model: repack(model, manifest=b"[]"), r"model: .* \(its manifest names no format\)"),
    (
        "another format",
        lambda model: repack(model, manifest=b'{"format": 99, "medrec": "9.9"}'),
        r"model: was written by a newer medrec \(9\.9, format 99\); .*pip install --upgrade medrec",
    ),
    ("flipped bytes", lambda model: model.replace(b"schema.json", b"schemb.json"), r"model: is "),
    (
        "forbidden function",
        lambda model: repack(model, model=skops.io.dumps(functools.partial(os.mkdir, "trapped"))),
        r"model: was refused: holds a node of the kind 'PartialNode'",
    ),
    (
        "forbidden type",
        lambda model: repack_skops(model, lambda schema: schema.replace("PriorRecommender", "Popen")),
        r"model: (holds types that are not trusted|is damaged)",
    ),
    (
        "forbidden module",
        lambda model: repack_skops(
            model, lambda schema: schema.replace('"medrec.recommenders.prior"', '"antigravity"')
        ),
        r"model: (holds types that are not trusted|is damaged)",
    ),
    ("names that a terminal would obey", lambda _: zip_of(**{"\x1b[2J" * 30: b""}), r"members \\x1b\[2J[^\x1b]{,200}$"),
    ("no recommender", lambda model: repack(model, model=skops.io.dumps({"a": 1})), r"model: holds a dict, which does"),
]


@pytest.mark.parametrize(("change", "says"), [m[1:] for m in MODELS], ids=[m[0].replace(" ", "-") for m in MODELS])
def test_broken_model_is_refused(
    change: Callable[[bytes], bytes], says: str, folder: Path, model: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "model").write_bytes(change(model))
    (folder / "out").write_bytes(b"old")
    before = snapshot(folder)
    status, out, err = run(PREDICT, capsys)
    assert_refused(status, err, says)
    assert (out, snapshot(folder)) == ("", before)
    assert "antigravity" not in sys.modules


def test_model_of_other_records_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(PREDICT.replace("cdrugred:train.jsonl", "jsonl:own.jsonl"), capsys)
    assert_refused(
        status, err, r"model: was fitted on records with a column '出院诊断' \(codes\), which the data does not"
    )
    (folder / "own.jsonl").write_bytes(
        as_lines(HEADER | {"schema": {"出院诊断": "text"}}, {"出院诊断": "感冒", "drugs": ["a"]})
    )
    status, _, err = run(PREDICT.replace("cdrugred:train.jsonl", "jsonl:own.jsonl"), capsys)
    assert_refused(status, err, r"column '出院诊断' \(codes\), which the data has as text")


FITTED = Path(__file__).parents[1] / "data" / "models"
PREDICT_OWN = f"predict --model {FITTED}/format2/xgboost.medrec --data jsonl:{FITTED}/records.jsonl --out out"


def test_a_model_of_an_absent_library(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    status, _, err = run(PREDICT_OWN, capsys)
    assert_refused(status, err, r"XGBoost models need 'xgboost': pip install \"medrec\[xgboost\]\"")
    assert not (folder / "out").exists()


def test_a_model_of_another_scikit_learn_is_told_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = (folder / "model").read_bytes()
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        facts = json.loads(archive.read("manifest.json"))
    facts["versions"]["scikit-learn"] = "1.0.2"
    (folder / "model").write_bytes(repack(model, manifest=json.dumps(facts).encode()))
    status, _, err = run(PREDICT, capsys)
    assert status == 0
    assert err.startswith("medrec: model: was written with scikit-learn 1.0.2, and this is ")


def test_what_breaks_inside_a_model_is_refused(
    folder: Path, model: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number within a vocabulary can be wrong without any rule to find it by."""

    def change(schema: str) -> str:
        changed = re.sub(r'("content": )"0"', r'\1"99999999999"', schema)
        assert changed != schema
        return changed

    (folder / "model").write_bytes(repack_skops(model, change))
    status, out, err = run(PREDICT, capsys)
    assert_refused(status, err, r"model: (cannot be used on these records|is damaged)")
    assert out == ""
    assert not (folder / "out").exists()
