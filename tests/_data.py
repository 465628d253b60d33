"""Where the real data lies, and what to do without it."""

import os
from pathlib import Path

import pytest


def data_path(*parts: str) -> Path:
    """The path of a real data file, for example ``data_path("dialmed", "ddi.json")``.

    The root is the environment variable ``MEDREC_DATA``, by default ``../shared/data`` beside the
    checkout. Where the file is missing the test skips and says so; in CI (``CI=true``) it fails, so that
    a check on real data never goes quietly.
    """
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("MEDREC_DATA") or default).joinpath(*parts)
    if not path.exists():
        message = f"real data {'/'.join(parts)} is not there; set MEDREC_DATA to the folder that holds it"
        if os.environ.get("CI", "").strip().lower() in {"1", "true", "yes"}:
            pytest.fail(message)
        pytest.skip(message)
    return path
