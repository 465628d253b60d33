"""Models that commands are given as files."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.pipeline import Pipeline

import medrec
from medrec._checks import InputError
from medrec.cli import UsageError
from medrec.cli.messages import note
from medrec.recommenders.partition_predict import check_reads_records


def read_model(path: str) -> Pipeline:
    """The Pipeline of a file that ``medrec fit`` wrote; what ``medrec.load`` warns of goes to stderr."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        pipeline = medrec.load(path)
    for one in told:
        note(str(one.message))
    with use_of_model(path):
        check_reads_records(pipeline, path)
    return pipeline


@contextmanager
def use_of_model(path: str) -> Iterator[None]:
    """What a model from a file meets inside itself is a damaged file, not an error of ours."""
    try:
        yield
    except (UsageError, InputError, OSError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"cannot be used on these records ({type(error).__name__}: {error}); if they are of the same source, "
            f"the model is damaged: fit it again",
            path=path,
        ) from error
