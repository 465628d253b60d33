"""Model files: those of earlier layouts are read, damage of any kind is named, and strangers' tricks are refused."""

import hashlib
import io
import json
import random
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import skops.io
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

import medrec
from medrec import BinaryRelevanceRecommender, NeighborRecommender
from medrec._archive import MAX_UNPACKED
from medrec._checks import InputError
from medrec._io import FORMAT, READ, read_manifest
from medrec.datasets import load
from medrec.recommenders import EstimatorBase, LinearBase
from medrec.safety import DDIGraph

MODELS = Path(__file__).parent / "data" / "models"
FILES = sorted(MODELS.glob("format*/*.medrec"))


@pytest.fixture(scope="module")
def data() -> Any:
    return load(f"jsonl:{MODELS / 'records.jsonl'}")


class TestEarlierLayouts:
    @pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}-{path.stem}" for path in FILES])
    def test_is_read_and_predicts_what_it_did(self, path: Path, data: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # written with the scikit-learn of its day
            pipeline = medrec.load(path)
        expected = json.loads((path.parent / "expected.json").read_text(encoding="utf-8"))[path.stem]
        check_is_fitted(pipeline)
        assert pipeline[-1].drug_names_.tolist() == data.drug_names.tolist()
        assert pipeline[-1].n_features_in_ == len(pipeline[0].get_feature_names_out())
        assert pipeline.predict_proba(data.records)[:3] == pytest.approx(np.array(expected["probabilities"]), abs=2e-5)
        assert pipeline.predict(data.records)[:3].toarray().tolist() == expected["sets"]
        assert set(pipeline[-1].get_params(deep=False)) <= set(vars(pipeline[-1]))

    def test_there_is_a_file_of_every_layout_that_is_read(self) -> None:
        assert {path.parent.name for path in FILES} == {f"format{number}" for number in READ}
        assert max(READ) == FORMAT
        assert {read_manifest(path)["format"] for path in FILES} == set(READ)

    def test_an_option_that_came_later_has_its_default(self, tmp_path: Path) -> None:
        model = small(LinearBase(C=3.0))
        del model.__dict__["verbose"], model.base.__dict__["max_iter"]
        medrec.save(model, tmp_path / "m")
        back = medrec.load(tmp_path / "m")
        assert back.verbose is BinaryRelevanceRecommender().verbose
        assert (back.base.max_iter, back.base.C) == (LinearBase().max_iter, 3.0)

    def test_a_newer_layout_says_upgrade(self, tmp_path: Path) -> None:
        change_manifest(FILES[0], tmp_path / "m", format=FORMAT + 1, medrec="9.9")
        with pytest.raises(InputError, match=r"newer medrec \(9\.9, format 3\).*pip install --upgrade medrec"):
            medrec.load(tmp_path / "m")

    @pytest.mark.parametrize("number", [0, -1, "2", None, True, 1.0, [1]])
    def test_no_layout_at_all(self, number: Any, tmp_path: Path) -> None:
        change_manifest(FILES[0], tmp_path / "m", format=number)
        with pytest.raises(InputError, match="its manifest names no format"):
            medrec.load(tmp_path / "m")

    def test_another_scikit_learn_is_said_once(self, tmp_path: Path) -> None:
        medrec.save(small(), tmp_path / "m")
        change_manifest(tmp_path / "m", tmp_path / "other", versions={"scikit-learn": "1.2.3"})
        with pytest.warns(UserWarning, match=r"other: was written with scikit-learn 1\.2\.3, and this is") as told:
            medrec.load(tmp_path / "other")
        assert len(told) == 1
        for versions in ({}, None, {"scikit-learn": 7}, "1.2"):
            change_manifest(tmp_path / "m", tmp_path / "other", versions=versions)
            medrec.load(tmp_path / "other")


def small(base: Any = "logistic") -> BinaryRelevanceRecommender:
    rng = np.random.default_rng(0)
    X = rng.random((40, 4))
    Y = (X[:, :2] > 0.5).astype(np.uint8)
    graph = DDIGraph.from_edges(["a", "b"], [("a", "b")])
    return BinaryRelevanceRecommender(base, cv=2, drug_names=["a", "b"], ddi=graph).fit(sp.csr_matrix(X), Y)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The members of ``model.skops`` of a small model."""
    path = tmp_path_factory.mktemp("m") / "m"
    medrec.save(small(), path)
    with zipfile.ZipFile(path) as outer, zipfile.ZipFile(io.BytesIO(outer.read("model.skops"))) as inner:
        return {name: inner.read(name) for name in inner.namelist()}


def change_manifest(source: Path, target: Path, **changes: Any) -> None:
    with zipfile.ZipFile(source) as old:
        facts, blob = json.loads(old.read("manifest.json")), old.read("model.skops")
    with zipfile.ZipFile(target, "w") as new:
        new.writestr("manifest.json", json.dumps(facts | changes))
        new.writestr("model.skops", blob)


def write(path: Path, members: Any, *, packed: int = zipfile.ZIP_STORED) -> Path:
    """A model file with the right checksum and these members in ``model.skops``."""
    inner = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(inner, "w", packed) as archive:
        warnings.simplefilter("ignore")  # names that stand twice
        for name, content in members.items() if isinstance(members, dict) else members:
            archive.writestr(name, content)
    return write_blob(path, inner.getvalue())


def write_blob(path: Path, blob: bytes) -> Path:
    facts = {"medrec": "0", "format": 2, "sha256": hashlib.sha256(blob).hexdigest(), "versions": {}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps(facts))
        archive.writestr("model.skops", blob)
    return path


def refused(path: Path, says: str) -> None:
    with pytest.raises(InputError) as caught:
        medrec.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert re.search(says, message), message
    assert len(message) < 700


class TestDamage:
    def test_a_bit_anywhere(self, tmp_path: Path) -> None:
        """A flipped bit is found by a checksum, or it lies where nothing is read: then the model is what it was."""
        content = bytearray((MODELS / "format2" / "prior.medrec").read_bytes())
        whole = manifest_and_model(bytes(content))
        draw = random.Random(0)
        found = 0
        for at in draw.sample(range(len(content)), 400):
            bit = 1 << draw.randrange(8)
            content[at] ^= bit
            (tmp_path / "m").write_bytes(content)
            said = f"{tmp_path / 'm'}: "
            try:
                medrec.load(tmp_path / "m")
            except InputError as error:
                said, found = str(error), found + 1
            else:
                assert manifest_and_model(bytes(content)) == whole
            assert said.startswith(f"{tmp_path / 'm'}: ")
            content[at] ^= bit
        assert found > 390

    def test_cut_off_anywhere(self, tmp_path: Path) -> None:
        content = (MODELS / "format2" / "prior.medrec").read_bytes()
        for at in [*range(0, 60), *range(60, len(content), 61), *range(len(content) - 60, len(content))]:
            (tmp_path / "m").write_bytes(content[:at])
            refused(tmp_path / "m", "cut-off|no medrec model|damaged")

    def test_two_halves_of_different_files(self, tmp_path: Path) -> None:
        one, other = (MODELS / "format2" / f"{name}.medrec" for name in ("prior", "svm"))
        with zipfile.ZipFile(one) as first, zipfile.ZipFile(other) as second:
            manifest, blob = first.read("manifest.json"), second.read("model.skops")
        with zipfile.ZipFile(tmp_path / "m", "w") as archive:
            archive.writestr("manifest.json", manifest)
            archive.writestr("model.skops", blob)
        refused(tmp_path / "m", "damaged .its checksum is another")

    def test_a_model_cannot_take_the_name_of_what_save_stores(self, tmp_path: Path) -> None:
        medrec.save(small(), tmp_path / "m", format=9, sha256="x", medrec="none")
        assert read_manifest(tmp_path / "m")["format"] == FORMAT
        medrec.load(tmp_path / "m")

    def test_folders_and_missing_files(self, tmp_path: Path) -> None:
        refused(tmp_path, "cannot be read")
        refused(tmp_path / "none", "cannot be read .No such file")


def manifest_and_model(content: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [archive.read(name) for name in archive.namelist()]


def entry(name: str = "0.npy", **attributes: Any) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def npy(header: str, data: bytes = b"") -> bytes:
    padded = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + data


HUGE = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }")
TRICKS: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    "a member twice": (lambda parts: [*parts.items(), *list(parts.items())[:1]], "a member twice"),
    "a path outside": (lambda parts: parts | {"../evil.npy": b""}, r"has the member '\.\./evil.npy'"),
    "an absolute path": (lambda parts: parts | {"/tmp/evil.npy": b""}, "has the member '/tmp/evil.npy'"),
    "a script": (lambda parts: parts | {"evil.py": b""}, "has the member 'evil.py'"),
    "a link": (lambda parts: [*parts.items(), (entry(external_attr=0o120777 << 16), b"/etc")], "no regular file"),
    "a device": (lambda parts: [*parts.items(), (entry(external_attr=0o020666 << 16), b"")], "no regular file"),
    "an array of a trillion": (lambda parts: parts | {"0.npy": HUGE}, "not the length that it claims"),
    "an array of nothing": (
        lambda parts: parts | {"0.npy": HUGE.replace(b"<f8", b"|S0")},
        "holds objects|not the length",
    ),
    "an array below 0": (
        lambda parts: parts | {"0.npy": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1), }", b"0" * 8)},
        "not the length",
    ),
    "an array of objects": (
        lambda parts: parts | {"0.npy": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"\x80\x04N.")},
        "holds objects",
    ),
    "an array that is none": (lambda parts: parts | {"0.npy": b"hello"}, "damaged"),
    "a matrix that is none": (lambda parts: parts | {"0.npz": b"hello"}, "damaged"),
    "a matrix of a trillion": (lambda parts: parts | {"0.npz": archive_of({"data.npy": HUGE})}, "not the length"),
    "a matrix with more": (lambda parts: parts | {"0.npz": archive_of({"evil.npy": HUGE})}, "has other members"),
    "no description": (lambda parts: {k: v for k, v in parts.items() if k != "schema.json"}, "damaged"),
    "a description of a list": (lambda parts: parts | {"schema.json": b"[]"}, "has the layout None"),
    "an older description": (
        lambda parts: parts | {"schema.json": parts["schema.json"].replace(b'"protocol": 2', b'"protocol": 0')},
        "has the layout 0",
    ),
    "a deep description": (lambda parts: parts | {"schema.json": b"[" * 10**6}, "damaged"),
}


def archive_of(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def node(loader: str, name: str, module: str = "builtins", **more: Any) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, **more}


def text(value: Any) -> dict[str, Any]:
    return node("JsonNode", "str", content=json.dumps(value), is_json=True)


def repeated(depth: int) -> dict[str, Any]:
    """A short description of a list of 2 ** depth things, by lists that hold the same list twice."""
    one = node("ListNode", "list", content=[], __id__=1)
    for at in range(2, depth):
        short = node("ListNode", "list", content=[], __id__=at - 1)
        one = node("ListNode", "list", content=[one, short], __id__=at)
    return one


NODES: dict[str, tuple[dict[str, Any], str]] = {
    "a method": (
        node("MethodNode", "Pipeline", "sklearn.pipeline", content={"func": "fit", "obj": text(1)}),
        "kind 'MethodNode'",
    ),
    "an operator": (
        node("OperatorFuncNode", "methodcaller", "operator", attrs=text(["x"])),
        "kind 'OperatorFuncNode'",
    ),
    "a partial function": (
        node(
            *("PartialNode", "partial", "functools"),
            content={"func": text(1), "args": text([]), "kwds": text({}), "namespace": text({})},
        ),
        "kind 'PartialNode'",
    ),
    "a constructor": (
        node("ConstructorFromReduceNode", "DDIGraph", "medrec.safety.graph", content=text([])),
        "kind 'ConstructorFromReduceNode'",
    ),
    "a tree": (node("TreeNode", "Tree", "sklearn.tree._tree", __reduce__={"args": text([])}), "kind 'TreeNode'"),
    "a generator": (
        node("RandomGeneratorNode", "Generator", "numpy.random", content={}),
        "kind 'RandomGeneratorNode'",
    ),
    "a kind of tomorrow": (node("EvalNode", "eval"), "kind 'EvalNode'"),
    "a function of the system": (node("FunctionNode", "system", "os"), r"not trusted.*os\.system"),
    "a type of the system": (node("TypeNode", "Popen", "subprocess"), r"not trusted.*subprocess\.Popen"),
    "an object of the system": (
        node("ObjectNode", "Popen", "subprocess", content=text({})),
        r"not trusted.*subprocess\.Popen",
    ),
    "a matrix as an object": (
        node("ObjectNode", "csr_matrix", "scipy.sparse._csr", content=text({"indptr": [0, 9]})),
        "as ObjectNode",
    ),
    "libsvm": (node("ObjectNode", "SVC", "sklearn.svm._classes", content=text({})), "whose arrays libsvm would bel"),
    "a list of 2 ** 200": (repeated(200), "one object in two ways"),
    "no class": ({"__loader__": "ListNode", "content": []}, "damaged"),
    "a class that is a number": (node("ListNode", 7, 8, content=[]), "not trusted|damaged"),  # type: ignore[arg-type]
    "itself": (node("ListNode", "list", content=[node("CachedNode", "list", __id__=5)], __id__=5), "CachedNode"),
}


class TestTricks:
    @pytest.mark.parametrize("name", TRICKS)
    def test_of_the_zip_file(self, name: str, parts: dict[str, bytes], tmp_path: Path) -> None:
        change, says = TRICKS[name]
        refused(write(tmp_path / "m", change(parts)), says)
        assert [path.name for path in tmp_path.iterdir()] == ["m"]

    @pytest.mark.parametrize("name", NODES)
    def test_of_the_description(self, name: str, tmp_path: Path) -> None:
        described, says = NODES[name]
        schema = {**described, "protocol": 2, "_skops_version": skops.__version__}
        refused(write(tmp_path / "m", {"schema.json": json.dumps(schema)}), says)

    def test_what_is_described_again_may_be_the_same(self, tmp_path: Path) -> None:
        one = node("ListNode", "list", content=[text("a")], __id__=7)
        schema = node("ListNode", "list", content=[one, one], protocol=2)
        assert medrec.load(write(tmp_path / "m", {"schema.json": json.dumps(schema)})) == [["a"], ["a"]]

    @pytest.mark.parametrize("inside", [False, True])
    def test_bombs(self, inside: bool, parts: dict[str, bytes], tmp_path: Path) -> None:
        """Zeros pack to a thousandth, so that little would fill the memory; the sizes that the zip tells are enough."""
        zeros = io.BytesIO()
        with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("data.npy", "w") as file:
            for _ in range(MAX_UNPACKED // 2**24 + 1):
                file.write(bytes(2**24))
        if inside:
            refused(write(tmp_path / "m", parts | {"0.npz": zeros.getvalue()}), "would unpack to 1 GiB")
        else:
            refused(write_blob(tmp_path / "m", zeros.getvalue().replace(b"data.npy", b"0000.npy")), "would unpack to 1")

    def test_encrypted_and_strangely_packed(self, parts: dict[str, bytes], tmp_path: Path) -> None:
        write(tmp_path / "m", parts)
        content = bytearray((tmp_path / "m").read_bytes())
        for mark in (b"PK\x01\x02", b"PK\x03\x04"):  # the flags, wherever a member begins
            offset = 8 if mark.endswith(b"\x02") else 6
            content[content.rindex(mark) + offset if offset == 8 else content.index(mark) + offset] |= 1
        (tmp_path / "m").write_bytes(content)
        refused(tmp_path / "m", "is encrypted")
        refused(write(tmp_path / "m", parts, packed=zipfile.ZIP_BZIP2), "packed in another way")
        with zipfile.ZipFile(tmp_path / "m", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("manifest.json", '{"format": 2}')
            archive.writestr("model.skops", bytes(2**20))
        refused(tmp_path / "m", "packed in another way")

    def test_more_than_two_members(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(FILES[0]) as old:
            members = [(name, old.read(name)) for name in old.namelist()]
        for extra in ("model.skops", "evil.py", "../up"):
            with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "m", "w") as new:
                warnings.simplefilter("ignore")
                for name, content in [*members, (extra, b"x")]:
                    new.writestr(name, content)
            refused(tmp_path / "m", r"has the members manifest\.json, model\.skops, ")


def state(model: Any, path: Path) -> None:
    """Write a model whatever is in it, as a stranger would."""
    write_blob(path, skops.io.dumps(model))


class TestContents:
    """Attributes that compiled code would follow out of their arrays."""

    def matrix(self, **changes: Any) -> sp.csr_matrix:
        matrix = sp.csr_matrix(np.eye(3))
        for name, value in changes.items():
            setattr(matrix, name, np.asarray(value, dtype=getattr(matrix, name).dtype))
        return matrix

    @pytest.mark.parametrize(
        "changes",
        [
            {"indices": [0, 1, 99]},
            {"indices": [0, 1, -1]},
            {"indptr": [0, 1, 2, 99]},
            {"indptr": [0, 3, 1, 3]},
            {"indptr": [-5, 1, 2, 3]},
            {"indptr": [0, 3]},
        ],
    )
    def test_sparse_matrices(self, changes: Any, tmp_path: Path) -> None:
        state({"a": [self.matrix(**changes)]}, tmp_path / "m")
        refused(tmp_path / "m", "damaged")

    def test_interactions(self, tmp_path: Path) -> None:
        model = small()
        graph = model.filter_.graph
        graph.drug_drug = sp.csr_matrix(np.ones((5, 5), dtype=bool))  # made anew of the severities
        state(model, tmp_path / "m")
        assert medrec.load(tmp_path / "m").filter_.graph.drug_drug.toarray().tolist() == [[False, True], [True, False]]
        graph.severity = sp.csr_matrix(np.array([[0, 9], [9, 0]], dtype=np.int8))
        state(model, tmp_path / "m")
        refused(tmp_path / "m", "severity codes")
        graph.severity = sp.csr_matrix((1, 1), dtype=np.int8)
        state(model, tmp_path / "m")
        refused(tmp_path / "m", "2 names need a severity matrix")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("drug_names_", np.array(["a", "a"], dtype=object)),
            ("drug_names_", np.array(["a"], dtype=object)),
            ("classes_", np.zeros((5, 2))),
            ("n_features_in_", "4"),
            ("decision_", None),
            ("calibrator_", 3),
            ("output_dtype_", "object"),
            ("filter_", "x"),
        ],
    )
    def test_recommenders(self, name: str, value: Any, tmp_path: Path) -> None:
        model = small()
        setattr(model, name, value)
        state(model, tmp_path / "m")
        refused(tmp_path / "m", "damaged")

    @pytest.mark.parametrize("change", ["features", "drugs", "weights"])
    def test_neighbours(self, change: str, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        X, Y = rng.random((20, 4)), (rng.random((20, 2)) < 0.5).astype(np.uint8)
        model = NeighborRecommender(cv=2).fit(sp.csr_matrix(X), Y)
        if change == "features":
            model.record_features_ = model.record_features_[:, :2]
        elif change == "drugs":
            model.record_drugs_ = model.record_drugs_[:5]
        else:
            model.record_weight_ = model.record_weight_[:3]
        state(model, tmp_path / "m")
        refused(tmp_path / "m", "NeighborRecommender: record")

    def test_neighbours_in_a_stack(self, data: Any, tmp_path: Path) -> None:
        """They have no number of features of their own: what they are given is compared when it is there."""
        pipeline = medrec.load(MODELS / "format2" / "stacked.medrec")
        base = next(one for one in pipeline[-1].bases_ if isinstance(one, NeighborRecommender))
        width = base.record_features_.shape[1]
        base.record_features_ = base.record_features_[:, :1]
        state(pipeline, tmp_path / "m")
        broken = medrec.load(tmp_path / "m")
        with pytest.raises(ValueError, match=f"records have 1 features; got {width}"):
            broken.predict_proba(data.records)

    def test_boosters(self, tmp_path: Path) -> None:
        model = small("lightgbm")
        base = model.labels_
        whole = list(base.models_)
        for broken, says in (
            (whole[0].replace("left_child=", "left_child=77", 1), "LightGBM's text of a model"),
            (7, "a model is of type int"),
        ):
            base.models_ = [broken, *whole[1:]]
            state(model, tmp_path / "m")
            refused(tmp_path / "m", says)
        base.models_, base.columns_ = whole, base.columns_ + 100
        state(model, tmp_path / "m")
        refused(tmp_path / "m", "columns_ are not among")

    def test_libsvm_is_refused_when_it_is_written(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="libsvm would believe"):
            medrec.save(small(EstimatorBase(SVC())), tmp_path / "m")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("_fit_X", np.zeros((20, 1))),
            ("_fit_X", np.zeros((9, 4))),
            ("_y", np.zeros(3, int)),
            ("n_features_in_", None),
        ],
    )
    def test_neighbours_of_scikit_learn(self, name: str, value: Any, tmp_path: Path) -> None:
        """Their compiled code would read beyond rows that are too few or too narrow."""
        model = small(EstimatorBase(KNeighborsClassifier(3, algorithm="brute")))
        medrec.save(model, tmp_path / "m")
        assert np.array_equal(medrec.load(tmp_path / "m").predict_proba(np.eye(4)), model.predict_proba(np.eye(4)))
        setattr(model.labels_.estimators_[0], name, value)
        state(model, tmp_path / "m")
        refused(tmp_path / "m", "not as wide as the records|of other lengths")

    @pytest.mark.parametrize("shape", [(0, 1), (3, 1), (2,), ()])
    def test_how_probable_an_empty_set_is(self, shape: tuple[int, ...], tmp_path: Path) -> None:
        """Compiled code reads one number a record."""
        model = BinaryRelevanceRecommender().fit(np.eye(4)[[0, 1, 2, 3] * 5], [[1, 0], [1, 1], [0, 1], [0, 0]] * 5)
        medrec.save(model, tmp_path / "m")
        assert np.array_equal(medrec.load(tmp_path / "m").predict(np.eye(4)), model.predict(np.eye(4)))
        model.decision_.empty_calibrator_.intercept_ = np.zeros(shape)
        state(model, tmp_path / "m")
        refused(tmp_path / "m", "ExpectedJaccard: empty_calibrator_ is none of one sigmoid")

    def test_clusters_of_scikit_learn(self, tmp_path: Path) -> None:
        clusters = KMeans(2, n_init=1, random_state=0).fit(np.eye(4))
        state(clusters, tmp_path / "m")
        assert medrec.load(tmp_path / "m").predict(np.eye(4)).tolist() == clusters.predict(np.eye(4)).tolist()
        clusters.cluster_centers_ = clusters.cluster_centers_[:, :1]
        state(clusters, tmp_path / "m")
        refused(tmp_path / "m", "cluster_centers_ is of shape .2, 1., not as wide")


def test_a_manifest_that_load_would_refuse_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest is 1,048,[0-9]+ bytes"):
        medrec.save(small(), tmp_path / "m", notes="x" * 2**20)
    assert list(tmp_path.iterdir()) == []
