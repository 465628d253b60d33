"""``fetch_public`` against a real HTTP server on this machine."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from medrec._checks import InputError
from medrec.datasets import fetch
from tests._data import data_path


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A public data set of two files, served on loopback; yields the folder served and the requests seen."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "a.txt").write_bytes(b"one\n" * 50_000)
    (site / "b.txt").write_bytes(b"two\n")
    seen = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *words):
            seen.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=site))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    files = {name: (name, hashlib.sha256((site / name).read_bytes()).hexdigest()) for name in ("a.txt", "b.txt")}
    base = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setattr(fetch, "PUBLIC", {"tiny": fetch.Public("about", "MIT", base, files)})
    yield site, seen
    server.shutdown()
    server.server_close()
    thread.join()


def test_files_arrive_whole(served, tmp_path):
    site, _ = served
    paths = fetch.fetch_public("tiny", tmp_path)
    assert [path.read_bytes() for path in paths] == [(site / path.name).read_bytes() for path in paths]


def test_second_call_asks_only_for_what_is_missing(served, tmp_path):
    _, seen = served
    paths = fetch.fetch_public("tiny", tmp_path)
    paths[1].unlink()
    del seen[:]
    fetch.fetch_public("tiny", tmp_path)
    assert seen == ["/b.txt"]


def test_changed_file_is_refused_and_leaves_nothing(served, tmp_path):
    site, _ = served
    (site / "b.txt").write_bytes(b"changed")
    with pytest.raises(InputError, match="SHA-256"):
        fetch.fetch_public("tiny", tmp_path)
    assert sorted(path.name for path in (tmp_path / "tiny").iterdir()) == ["a.txt"]


def test_missing_file_and_unknown_name(served, tmp_path):
    site, _ = served
    (site / "a.txt").unlink()
    with pytest.raises(InputError, match=r"a\.txt: does not answer \(Not Found\)|File not found"):
        fetch.fetch_public("tiny", tmp_path)
    with pytest.raises(InputError, match="there are tiny"):
        fetch.fetch_public("other", tmp_path)


def test_published_digests_are_those_of_the_data_at_hand():
    for name, (_, digest) in fetch.PUBLIC["dialmed"].files.items():
        assert hashlib.sha256(data_path("dialmed", name).read_bytes()).hexdigest() == digest
