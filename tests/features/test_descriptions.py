"""Descriptions of labels against the overlap of each phrase alone, and labels that training never saw."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import medrec
from medrec.features import RecordVectorizer
from medrec.features.descriptions import KINDS, LEAST_OVERLAP, DescriptionsPart
from medrec.features.overlap import PhraseOverlap, word_weights
from medrec.features.phrases import key_of, sentences_of

SCHEMA = {"note": "text", "turns": "dialogue"}
CODES = ["k75.0", "n20.0", "n20.1", "z00"]
TITLES = {
    "k75.0": ["Absceso del hígado", "Abscess of liver"],
    "n20.0": ["Cálculo del riñón"],
    "n20.1": ["Cálculo del uréter", "de la"],
    "x99": ["no label"],
}
RECORDS = pd.DataFrame({
    "note": ["Abscesos en hígado y bazo.", "Litiasis: cálculos en ambos uréteres", ""],
    "turns": [["Doctor: liver abscess"], [], ["Patient: riñones"]],
})  # fmt: skip


def test_each_label_has_the_best_of_its_descriptions_over_all_texts():
    part = DescriptionsPart(SCHEMA, CODES, TITLES)
    blocks = part.fit_transform(RECORDS)
    texts = [f"{note}\n" + "\n".join(turns) for note, turns in zip(RECORDS["note"], RECORDS["turns"])]
    texts = [text.replace("Doctor:", "").replace("Patient:", "") for text in texts]
    weights = word_weights(map(sentences_of, texts))
    for block, letters in zip(blocks, (False, True), strict=True):
        assert block.shape == (3, 4)
        assert block.dtype == np.float32
        for row, text in enumerate(texts):
            for label, code in enumerate(CODES):
                keys = [key for key in map(key_of, TITLES.get(code, ())) if key]
                best = PhraseOverlap(keys, weights, letters=letters).best(sentences_of(text)).max(initial=0)
                assert block[row, label] == pytest.approx(best if best >= LEAST_OVERLAP else 0, abs=1e-6)
    assert blocks[0][0, 0] == pytest.approx(1)
    assert blocks[0][1, 2] == pytest.approx(1)


def test_new_records_are_weighed_by_those_of_training():
    part = DescriptionsPart(SCHEMA, CODES, TITLES)
    fitted = part.fit_transform(RECORDS)
    assert all((one != other).nnz == 0 for one, other in zip(fitted, part.transform(RECORDS)))
    assert part.transform(RECORDS[:1])[0].toarray().tolist() == fitted[0][:1].toarray().tolist()


@pytest.mark.parametrize("given", ["a title", [5], [None]])
def test_descriptions_of_another_form_are_refused(given):
    with pytest.raises(ValueError, match=r"descriptions must be lists of texts; 'k75\.0' has"):
        DescriptionsPart(SCHEMA, CODES, {"k75.0": given})


@pytest.mark.parametrize("descriptions", [{}, {"x99": ["no label"]}, {"k75.0": ["de la"]}])
def test_nothing_described_gives_empty_blocks(descriptions):
    blocks = DescriptionsPart(SCHEMA, CODES, descriptions).fit_transform(RECORDS)
    assert [block.shape for block in blocks] == [(3, 4)] * 2
    assert not any(block.nnz for block in blocks)


def test_labels_unseen_in_training_are_described_in_the_vectorizer(tmp_path):
    vectorizer = RecordVectorizer({"note": "text"}, char_ngrams=(0, 0), min_df=1, drug_names=CODES, descriptions=TITLES)
    assert vectorizer.label_block_names()[-2:] == KINDS
    Y = np.zeros((3, 4), dtype=int)  # no label was ever seen
    X = vectorizer.fit_transform(RECORDS, Y)
    own = DescriptionsPart({"note": "text"}, CODES, TITLES).fit_transform(RECORDS)
    assert (X[:, -8:] != sp.hstack(own)).nnz == 0
    assert X[:, -8:].nnz
    medrec.save(vectorizer, tmp_path / "model")
    assert (medrec.load(tmp_path / "model").transform(RECORDS) != X).nnz == 0
