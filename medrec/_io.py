"""Files: written whole or not at all, read without running anything that stands in them."""

import errno
import hashlib
import json
import os
import platform
import stat
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from medrec._checks import InputError
from medrec._version import __version__

FULL = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS") if hasattr(errno, name))
"""Errors of the disk, not of the program, in the middle of writing."""


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that takes its name only when the block ends well.

    The text goes to a temporary file in the same folder, which is flushed to disk and renamed; on an
    error or an interrupt the old file stays as it was and the temporary one is removed. A process that
    is killed outright (SIGKILL, power) cannot remove it: then a hidden ``.NAME.*.part`` may stay, which
    no command reads and which may be deleted. An existing file keeps its permissions; a link is
    written through.

    Parameters
    ----------
    path : path-like
        The file to write; its folder must exist.
    mode : {"w", "wb"}, default="w"
        Text is UTF-8 with ``\\n`` line ends.

    Raises
    ------
    InputError
        When the folder is missing or cannot be written, the path is no regular file or is read-only, or
        the disk is full.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(pathlib.Path(folder) / "a.txt") as file:
    ...         _ = file.write("done")
    ...     (pathlib.Path(folder) / "a.txt").read_text()
    'done'
    """
    target, handle, temporary = _begin(path)
    try:
        text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
        with os.fdopen(handle, mode, **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _permissions(target))
        os.replace(temporary, target)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in FULL:
            raise InputError(f"could not be written ({error.strerror}); nothing was changed", path=path) from error
        raise


def check_writable(path: str | os.PathLike[str] | None) -> None:
    """Refuse a file that could not be written, before the work that is to fill it; ``None`` passes.

    Raises
    ------
    InputError
        As ``atomic_write``.
    """
    if path is not None:
        _, handle, temporary = _begin(path)
        os.close(handle)
        os.unlink(temporary)


def make_folder(path: str | os.PathLike[str]) -> Path:
    """The folder of a path, made where it is not there.

    Raises
    ------
    InputError
        When it cannot be made.
    """
    target = Path(path)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"folder cannot be made ({error.strerror}); name a folder that can be written", path=target
        ) from error
    return target


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files of a folder and of those in it, in order; what begins with a dot was not finished."""
    return [
        path
        for path in sorted(folder.rglob("*.parquet"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _begin(path: str | os.PathLike[str]) -> tuple[Path, int, str]:
    """The file that a path leads to, and an open temporary file beside it."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise InputError("is a folder; name a file to write", path=path)
    if target.exists() and not target.is_file():
        raise InputError("is a device or pipe, no regular file; name a file to write", path=path)
    if target.exists() and not os.access(target, os.W_OK):
        raise InputError("is read-only; name another file, or make it writable", path=path)
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.", suffix=".part")
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror}); name a folder that exists and is writable", path=path
        ) from error
    return target, handle, temporary


def _permissions(target: Path) -> int:
    """Those of the file that is there, else what the process gives new files."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


FORMAT = 2
"""Version of the model file's layout; it changes when older readers could not read it."""
READ = (1, 2)
"""Layouts that are read; 1 had no checksum."""

TRUSTED = (
    "scipy.sparse._csr.csr_matrix",
    "medrec.decision.calibration.PlattCalibrator",
    "medrec.decision.cardinality.Cardinality",
    "medrec.decision.expected_f1.ExpectedF1",
    "medrec.decision.expected_jaccard.ExpectedJaccard",
    "medrec.decision.isotonic.IsotonicCalibrator",
    "medrec.decision.label_thresholds.LabelThresholds",
    "medrec.decision.threshold.Threshold",
    "medrec.decision.top_k.TopK",
    "medrec.features.aliases.LearnedAliases",
    "medrec.features.descriptions.DescriptionsPart",
    "medrec.features.hashing.HashingRecordVectorizer",
    "medrec.features.matcher.NameMatcher",
    "medrec.features.mentions.NamesPart",
    "medrec.features.overlap.PhraseOverlap",
    "medrec.features.parts.NumberPart",
    "medrec.features.parts.TokenPart",
    "medrec.features.parts.keep_tokens",
    "medrec.features.phrases.PhraseFinder",
    "medrec.features.tokens.WordAnalyzer",
    "medrec.features.tokens.normalize",
    "medrec.features.vectorizer.RecordVectorizer",
    "medrec.recommenders.adapter.MultiLabelAdapter",
    "medrec.recommenders.binary_relevance.BinaryRelevanceRecommender",
    "medrec.recommenders.chain.ChainRecommender",
    "medrec.recommenders.estimator_base.EstimatorBase",
    "medrec.recommenders.lightgbm_base.LightGBMBase",
    "medrec.recommenders.linear.LinearBase",
    "medrec.recommenders.neighbors.NeighborRecommender",
    "medrec.recommenders.online_linear.OnlineLinearBase",
    "medrec.recommenders.prior.PriorRecommender",
    "medrec.recommenders.pair_booster.PairBooster",
    "medrec.recommenders.pair_features.LabelStatistics",
    "medrec.recommenders.stacked.StackedRecommender",
    "medrec.recommenders.stacked_binary_relevance.StackedBinaryRelevance",
    "medrec.recommenders.xgboost_base.XGBoostBase",
    "medrec.safety.filter.DDIFilter",
    "medrec.safety.graph.DDIGraph",
    "medrec.safety.joint.JointDecision",
)
"""The types beyond scikit-learn's and NumPy's own that a model file may hold; all else is refused."""


def save(model: Any, path: str | os.PathLike[str], /, **manifest: Any) -> None:
    """Write a fitted model to one file; ``load`` reads it without executing anything in it.

    The file is a zip of ``manifest.json`` (versions, the checksum of the model, and what the caller adds) and
    ``model.skops``.

    Parameters
    ----------
    model : estimator
        A recommender, or a Pipeline that ends in one.
    path : path-like
        The file; it is written whole or not at all.
    **manifest
        More to store beside the versions, as JSON; ``fingerprint`` of the data it was fitted on, say.

    Raises
    ------
    InputError
        When the model holds something that ``load`` would refuse, or the file cannot be written.
    """
    import skops.io

    from medrec._archive import MAX_MANIFEST, check_inner

    try:
        blob = skops.io.dumps(model, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
        strange = sorted(set(skops.io.get_untrusted_types(data=blob)) - set(TRUSTED))
        if not strange:
            check_inner(blob)
    except Exception as error:  # skops raises what the object's own state raises
        raise InputError(f"model cannot be saved: {error}", path=path) from error
    if strange:
        raise InputError(
            f"model holds {strange[0]}, which loading would refuse; medrec's own models and bases can be saved",
            path=path,
        )
    digest = hashlib.sha256(blob).hexdigest()
    facts = {**manifest, "medrec": __version__, "format": FORMAT, "sha256": digest, "versions": library_versions()}
    text = json.dumps(facts, ensure_ascii=False, indent=1).encode()
    if len(text) > MAX_MANIFEST:
        raise InputError(f"manifest is {len(text):,} bytes, {MAX_MANIFEST:,} at most; store less in it", path=path)
    with atomic_write(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("manifest.json", text)
        archive.writestr("model.skops", blob)


def load(path: str | os.PathLike[str]) -> Any:
    """Read a model that ``save`` wrote.

    Nothing in the file is executed. What is damaged by accident is found by its checksum before it is read. Of a file
    that a stranger made, every type must be known to be harmless, nothing may unpack to more than arrays do, indices
    must lie within their arrays, and the text of every booster must be one that its library can read: so the worst
    that such a file can do is to be refused, or to score as its author liked. Classifiers of scikit-learn, under
    ``MultiLabelAdapter`` or as a base, are as safe as skops makes them: trees and libsvm are refused, neighbours and
    clusters asked for their shapes, but scikit-learn does not promise that no other could crash the process.

    Parameters
    ----------
    path : path-like
        The model file.

    Warns
    -----
    UserWarning
        When it was written with another minor version of scikit-learn, which promises no equal scores then.

    Raises
    ------
    InputError
        When the file is missing, damaged, no medrec model, of a newer format, or holds unknown types.
    """
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning
    from skops.io.exceptions import UntrustedTypesFoundException

    from medrec._archive import DamageError, check_inner
    from medrec._loaded import check_loaded

    facts, blob = _read(path)
    if facts["format"] > 1 and hashlib.sha256(blob).hexdigest() != facts.get("sha256"):
        raise InputError("is damaged (its checksum is another); copy or fit it again", path=path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)  # one for each part; we say it once
            check_inner(blob)
            model = skops.io.loads(blob, trusted=list(TRUSTED))
            check_loaded(model)
    except UntrustedTypesFoundException as error:
        raise InputError(f"holds types that are not trusted, and was refused: {error!s:.400}", path=path) from error
    except DamageError as error:
        raise InputError(f"was refused: {error}; name a file that medrec fit wrote", path=path) from error
    except Exception as error:  # any damage shows itself as whatever the parser met
        what = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise InputError(f"is damaged ({what:.400}); copy or fit it again", path=path) from error
    _warn_of_versions(facts, path)
    return model


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What ``save`` stored beside the model: versions, and what its caller added.

    Raises
    ------
    InputError
        When the file is missing, no medrec model, or of a newer format.
    """
    return _read(path)[0]


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], bytes]:
    """The manifest of a model file, and the model as skops wrote it."""
    from medrec._archive import DamageError, read_outer

    try:
        with open(path, "rb") as file:
            start = file.read(4)
            if start[:2] == b"PK" and not zipfile.is_zipfile(file):
                raise InputError("is a damaged or cut-off model; copy it again", path=path)
            if start[:2] != b"PK":
                pickled = start[:1] == b"\x80"
                kind = "a pickle, which could run anything and is never loaded" if pickled else "no medrec model"
                raise InputError(f"is {kind}; write models with medrec.save or medrec fit", path=path)
            manifest, blob = read_outer(file)
            facts = json.loads(manifest)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error}); check the path", path=path) from error
    except DamageError as error:
        raise InputError(
            f"is a zip file but no medrec model ({error}); name a file that medrec fit wrote", path=path
        ) from error
    except Exception as error:  # any damage shows itself as whatever the parser met
        raise InputError(
            f"is damaged ({type(error).__name__}: {error!s:.200}); copy or fit it again", path=path
        ) from error
    written = facts.get("format") if isinstance(facts, dict) else None
    if type(written) is not int or written < 1:
        raise InputError("is a zip file but no medrec model (its manifest names no format)", path=path)
    if written not in READ:
        by = str(facts.get("medrec", "?"))[:40]
        raise InputError(
            f"was written by a newer medrec ({by}, format {written}); this is medrec {__version__}, which reads "
            f"formats up to {FORMAT}. pip install --upgrade medrec, or fit it again",
            path=path,
        )
    return facts, blob


def _warn_of_versions(facts: dict[str, Any], path: Any) -> None:
    versions = facts.get("versions")
    wrote = versions.get("scikit-learn") if isinstance(versions, dict) else None
    have = metadata.version("scikit-learn")
    if isinstance(wrote, str) and wrote.split(".")[:2] != have.split(".")[:2]:
        warnings.warn(
            f"{path}: was written with scikit-learn {wrote:.20}, and this is {have}; scores may differ. "
            f"Fit it again to be sure, or pip install scikit-learn=={wrote:.20}",
            UserWarning,
            stacklevel=3,
        )


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that a result depends on."""
    found = {"python": platform.python_version()}
    for name in ("numpy", "scipy", "scikit-learn", "pandas", "lightgbm", "numba", "jieba"):
        found[name] = metadata.version(name)
    return found
