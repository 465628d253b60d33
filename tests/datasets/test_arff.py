"""ARFF: the Mulan sets beside other parsers of the same files, and small files by hand."""

import csv
import gzip
import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io.arff

from medrec._checks import InputError
from medrec.datasets import read_arff
from tests._data import data_path


@pytest.fixture(autouse=True)
def _csv_limit():
    """SciPy's ARFF reader lifts the limit on CSV cells for the whole process; other tests rely on it."""
    before = csv.field_size_limit()
    yield
    csv.field_size_limit(before)


SHAPES = {  # records of train and test, attributes without labels, labels, as Mulan's page gives them
    "emotions": (391, 202, 72, 6),
    "scene": (1211, 1196, 294, 6),
    "yeast": (1500, 917, 103, 14),
    "medical": (333, 645, 1449, 45),
    "enron": (1123, 579, 1001, 53),
}


def xml_labels(name: str) -> list[str]:
    tree = ElementTree.parse(data_path("mulan", name, f"{name}.xml"))
    return [str(one.get("name")) for one in tree.iter() if one.tag.endswith("label")]


@pytest.mark.data
class TestMulan:
    @pytest.mark.parametrize(("name", "part"), [(name, part) for name in SHAPES for part in ("train", "test")])
    def test_shapes(self, name: str, part: str) -> None:
        train, test, features, labels = SHAPES[name]
        data = read_arff(data_path("mulan", name, f"{name}-{part}.arff.gz"))
        assert data.Y.shape == (train if part == "train" else test, labels)
        assert len(data.schema) == features
        assert data.drug_names.tolist() == xml_labels(name)

    @pytest.mark.parametrize("name", ["emotions", "scene", "yeast"])
    def test_dense_as_scipy_reads_it(self, name: str) -> None:
        path = data_path("mulan", name, f"{name}-test.arff.gz")
        values, _ = scipy.io.arff.loadarff(io.StringIO(gzip.decompress(path.read_bytes()).decode()))
        table = pd.DataFrame(values)
        data = read_arff(path)
        labels = xml_labels(name)
        assert np.array_equal(data.Y.toarray(), table[labels].astype(int).to_numpy())
        assert np.array_equal(data.records.to_numpy(), table.drop(columns=labels).astype(float).to_numpy())
        assert data.records.columns.tolist() == [column for column in table.columns if column not in labels]

    @pytest.mark.parametrize("name", ["medical", "enron"])
    def test_sparse_as_its_cells_stand(self, name: str) -> None:
        path = data_path("mulan", name, f"{name}-test.arff.gz")
        text = gzip.decompress(path.read_bytes()).decode()
        names = [line.split()[1].strip("'\"") for line in text.splitlines() if line.lower().startswith("@attribute")]
        data = read_arff(path)
        labels = {label: at for at, label in enumerate(xml_labels(name))}
        rows = [line for line in text.splitlines() if line.startswith("{")]
        dense = dict(zip(data.records.columns, data.records.to_numpy().T))
        assert len(rows) == len(data)
        for row, line in enumerate(rows):
            cells = {names[int(at)]: value for at, value in (cell.split() for cell in line.strip("{} \r").split(","))}
            drugs = {labels[one] for one, value in cells.items() if one in labels and value == "1"}
            assert set(data.Y.indices[data.Y.indptr[row] : data.Y.indptr[row + 1]]) == drugs
            for one, value in cells.items():
                if one not in labels:
                    assert dense[one][row] == float(value)
        counted = sum(len([c for c in line.split(",")]) for line in rows)  # noqa: C416
        assert counted == data.Y.nnz + int((data.records.to_numpy() != 0).sum())


class TestArff:
    def write(self, folder: Path, text: str, xml: str | None = None) -> Path:
        (folder / "d.arff").write_text(text, encoding="utf-8")
        if xml is not None:
            (folder / "d.xml").write_text(xml, encoding="utf-8")
        return folder / "d.arff"

    def test_meka_counts_labels_from_either_end(self, tmp_path: Path) -> None:
        body = "@attribute a {0,1}\n@attribute b {0,1}\n@attribute c numeric\n@data\n1,0,1\n0,1,0\n"
        front = read_arff(self.write(tmp_path, f"@relation 'x: -C 1'\n{body}"))
        back = read_arff(self.write(tmp_path, f"@relation 'x: -C -2'\n{body}"))
        assert front.drug_names.tolist() == ["a"]
        assert back.drug_names.tolist() == ["b", "c"]
        assert back.Y.toarray().tolist() == [[0, 1], [1, 0]]

    def test_order_of_labels_is_the_xml_s_and_values_are_words(self, tmp_path: Path) -> None:
        text = (
            "% comment\n@RELATION r\n@ATTRIBUTE 'it''s' numeric\n".replace("''", "\\'")
            + "@attribute l {1,0}\n@attribute kind {'a b',c}\n@attribute m {0, 1}\n@DATA\n1.5,1,'a b',0\n?,0,c,1\n"
        )
        xml = '<labels><label name="m"><label name="l"/></label></labels>'
        data = read_arff(self.write(tmp_path, text, xml))
        assert data.drug_names.tolist() == ["m", "l"]
        assert data.Y.toarray().tolist() == [[0, 1], [1, 0]]
        assert data.schema == {"it's": "number", "kind": "category"}
        assert data.records["kind"].tolist() == ["a b", "c"]
        assert data.records["it's"].isna().tolist() == [False, True]

    def test_longest_name_finds_its_xml(self, tmp_path: Path) -> None:
        (tmp_path / "d.xml").write_text('<labels><label name="f"/></labels>', encoding="utf-8")
        path = self.write(tmp_path, "@relation r\n@attribute f {0,1}\n@attribute l {0,1}\n@data\n1,0\n")
        longer = path.rename(tmp_path / "data-train.arff")
        (tmp_path / "data.xml").write_text('<labels><label name="l"/></labels>', encoding="utf-8")
        assert read_arff(longer).drug_names.tolist() == ["l"]
        assert read_arff(longer, labels=tmp_path / "d.xml").drug_names.tolist() == ["f"]
        with pytest.raises(InputError, match=r"d2\.xml: cannot be read"):
            read_arff(longer, labels=tmp_path / "d2.xml")
