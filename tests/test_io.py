"""Files written whole or not at all; models that come back bit by bit, and strangers' files that are refused."""

import errno
import os
import random
import warnings
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import scipy.sparse as sp
import skops.io
from sklearn.base import clone

import medrec
from medrec import (
    BinaryRelevanceRecommender,
    ChainRecommender,
    NeighborRecommender,
    PriorRecommender,
    StackedBinaryRelevance,
)
from medrec._checks import InputError
from medrec._io import TRUSTED, atomic_write, check_writable, read_manifest
from medrec.datasets import load
from medrec.recommenders import make_recommender


class TestAtomicWrite:
    def test_new_file(self, tmp_path: Path) -> None:
        with atomic_write(tmp_path / "a") as file:
            file.write("甲\n乙\n")
            assert not (tmp_path / "a").exists()
        assert (tmp_path / "a").read_bytes() == "甲\n乙\n".encode()
        assert [path.name for path in tmp_path.iterdir()] == ["a"]

    @pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(143)])
    def test_error_keeps_the_old_file(self, tmp_path: Path, error: BaseException) -> None:
        (tmp_path / "a").write_text("old", encoding="utf-8")

        def fail(file: IO[str]) -> None:
            file.write("new")
            file.flush()
            raise error

        with pytest.raises(type(error)), atomic_write(tmp_path / "a") as file:
            fail(file)
        assert (tmp_path / "a").read_text(encoding="utf-8") == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["a"]

    def test_full_disk_is_refused_input(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(handle: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match=r"a: could not be written \(No space left"), atomic_write(tmp_path / "a"):
            pass
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
    def test_keeps_permissions_and_writes_through_links(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("old", encoding="utf-8")
        (tmp_path / "a").chmod(0o600)
        (tmp_path / "link").symlink_to("a")
        with atomic_write(tmp_path / "link") as file:
            file.write("new")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "a").read_text(encoding="utf-8") == "new"
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
        umask = os.umask(0o027)
        try:
            with atomic_write(tmp_path / "b"):
                pass
        finally:
            os.umask(umask)
        assert (tmp_path / "b").stat().st_mode & 0o777 == 0o640

    def test_refuses_before_any_work(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        check_writable(None)
        check_writable(tmp_path / "a")
        assert list(tmp_path.iterdir()) == []
        for path, rule in ((tmp_path, "is a folder"), (tmp_path / "no" / "a", "cannot be written")):
            with pytest.raises(InputError, match=rule):
                check_writable(path)
        if os.name == "posix":
            with pytest.raises(InputError, match="device or pipe"):
                check_writable(os.devnull)
        (tmp_path / "a").write_text("old", encoding="utf-8")
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        with pytest.raises(InputError, match="is read-only"):
            check_writable(tmp_path / "a")

    def test_long_name(self, tmp_path: Path) -> None:
        name = "药" * 80  # 240 bytes of the 255 that a name may have
        with atomic_write(tmp_path / name) as file:
            file.write("x")
        assert (tmp_path / name).read_text(encoding="utf-8") == "x"


def sample(seed: int = 0) -> tuple[sp.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.random((60, 8)) * (rng.random((60, 8)) < 0.5)
    Y = (X @ rng.normal(size=(8, 4)) > 0).astype(np.uint8)
    return sp.csr_matrix(X), np.hstack([Y, np.zeros((60, 1), np.uint8)])  # one drug is never given


MODELS: dict[str, Any] = {
    "prior": PriorRecommender(),
    "prior, threshold": PriorRecommender(decision="threshold"),
    "neighbors": NeighborRecommender(cv=2),
    **{
        f"{name}, {base}": kind(base=base, cv=2)
        for name, kind in (
            ("binary relevance", BinaryRelevanceRecommender),
            ("chain", ChainRecommender),
            ("stacked", StackedBinaryRelevance),
        )
        for base in ("logistic", "svm", "lightgbm")
    },
}


class TestModels:
    @pytest.mark.parametrize("name", MODELS)
    def test_comes_back_bit_by_bit(self, name: str, tmp_path: Path) -> None:
        X, Y = sample()
        model = clone(MODELS[name]).set_params(drug_names=list("abcde"), ddi=[("a", "b")])
        model.fit(X, Y)
        medrec.save(model, tmp_path / "m")
        back = medrec.load(tmp_path / "m")
        other = sample(1)[0]
        assert np.array_equal(back.predict_proba(other), model.predict_proba(other))
        assert np.array_equal(back.predict(other), model.predict(other))
        assert back.drug_names_.tolist() == model.drug_names_.tolist()
        assert back.recommend(other[:3]).equals(model.recommend(other[:3]))
        # A model that was loaded can be written again, and fitted again.
        medrec.save(back, tmp_path / "again")
        assert np.array_equal(medrec.load(tmp_path / "again").predict_proba(other), model.predict_proba(other))
        back.fit(X, Y)
        assert np.array_equal(back.predict_proba(other), model.predict_proba(other))

    @pytest.mark.parametrize(
        "name", ["prior", "binary-relevance", "chain", "neighbors", "stacked", "stacked-binary-relevance"]
    )
    def test_pipeline_over_records_comes_back(self, name: str, tmp_path: Path) -> None:
        data = load("synthetic:records=40,seed=0")
        options = {} if name == "prior" else {"cv": 2, "features__max_features": 200}
        pipeline = make_recommender(name, schema=data.schema, drug_names=data.drug_names, ddi=data.ddi, **options)
        pipeline.fit(data.records, data.Y, recommender__groups=data.groups)
        medrec.save(pipeline, tmp_path / "m", fingerprint=data.fingerprint(), path="x", model="y")
        back = medrec.load(tmp_path / "m")
        assert np.array_equal(back.predict_proba(data.records), pipeline.predict_proba(data.records))
        assert list(back[0].get_feature_names_out()) == list(pipeline[0].get_feature_names_out())
        manifest = read_manifest(tmp_path / "m")
        assert (manifest["fingerprint"], manifest["path"], manifest["model"]) == (data.fingerprint(), "x", "y")
        assert manifest["medrec"] == medrec.__version__
        assert set(manifest["versions"]) >= {"python", "numpy", "scikit-learn", "lightgbm"}

    def test_what_load_would_refuse_is_not_saved(self, tmp_path: Path) -> None:
        from fractions import Fraction

        with pytest.raises(InputError, match=r"model (holds|cannot be saved)"):
            medrec.save(PriorRecommender().set_params(decision=Fraction(1, 2)), tmp_path / "m")
        assert list(tmp_path.iterdir()) == []

    def test_trusted_types_are_there_and_harmless(self) -> None:
        for name in TRUSTED:
            module, _, kind = name.rpartition(".")
            assert module.startswith(("medrec.", "scipy.sparse."))
            found = getattr(import_module(module), kind)
            # Nothing of ours runs code of its own when its state is put back.
            assert module.startswith("scipy.") or not {"__reduce__", "__reduce_ex__", "__setstate__"} & set(vars(found))

    def test_untrusted_type_is_refused_before_it_is_made(self, tmp_path: Path) -> None:
        import zipfile

        blob = skops.io.dumps({"a": os.path.join})
        with zipfile.ZipFile(tmp_path / "m", "w") as archive:
            archive.writestr("manifest.json", '{"format": 1}')
            archive.writestr("model.skops", blob)
        with pytest.raises(InputError, match=r"m: holds types that are not trusted.*posixpath.join|ntpath.join"):
            medrec.load(tmp_path / "m")

    def test_damaged_files_are_refused_or_whole(self, tmp_path: Path) -> None:
        X, Y = sample()
        model = BinaryRelevanceRecommender(cv=2).fit(X, Y)
        medrec.save(model, tmp_path / "m")
        content = (tmp_path / "m").read_bytes()
        draw = random.Random(0)
        refused = 0
        for number in range(240):
            damaged = bytearray(content)
            if number % 4 == 0:
                del damaged[draw.randrange(len(damaged)) :]
            elif number % 4 == 1:
                start = draw.randrange(len(damaged))
                del damaged[start : start + draw.randrange(1, 200)]
            else:
                for _ in range(draw.choice((1, 1, 5, 50))):
                    damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            (tmp_path / "d").write_bytes(damaged)
            said = f"{tmp_path / 'd'}: "
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # zipfile tells of names that stand twice
                    back = medrec.load(tmp_path / "d")
            except InputError as error:
                refused += 1
                said = str(error)
            else:  # only the names or dates in the zip's directory, or a version in the manifest, can differ
                assert np.array_equal(back.predict_proba(X), model.predict_proba(X))
            assert said.startswith(f"{tmp_path / 'd'}: ")
            assert "\n" not in said
        assert refused > 200
