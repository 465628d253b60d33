"""``fetch_public`` against a real HTTP server on this machine that cuts, stalls, lies and forgets."""

import gzip
import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from medrec._checks import InputError
from medrec.cli import main
from medrec.datasets import fetch, load
from medrec.datasets.fetch import Known, Public, Remote
from tests._data import data_path

PUBLISHED = fetch.PUBLIC
BIG = bytes(range(256)) * 4000  # a million bytes, sixteen blocks


@dataclass
class Site:
    """What is served, how badly, and what was asked for."""

    files: dict[str, bytes]
    base: str = ""
    faults: list[str] = field(default_factory=list)
    """One an answer: ``cut`` after half, ``stall`` after half, a status as ``503``, ``wrong`` bytes."""
    ranges: bool = True
    etag: str | None = '"one"'
    seen: list[tuple[str, str | None]] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    served = Site({"a.bin": BIG, "b.txt": b"two\n"})

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            wanted = self.headers.get("Range")
            served.seen.append((name, wanted))
            fault = served.faults.pop(0) if served.faults else ""
            if fault.isdecimal() or name not in served.files:
                self.send_error(int(fault or 404))
                return
            body, start = served.files[name], 0
            version = self.headers.get("If-Range")
            if wanted and served.ranges and version in (None, served.etag):
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(body):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(body)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
            self.send_response(206 if start else 200)
            if start:
                off = 7 if fault == "shift" else 0
                self.send_header("Content-Range", f"bytes {start + off}-{len(body) - 1}/{len(body)}")
            if served.etag:
                self.send_header("ETag", served.etag)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            rest = body[start:]
            if fault == "wrong":
                rest = b"x" * len(rest)
            if fault in ("cut", "stall"):
                self.wfile.write(rest[: len(rest) // 2])
                self.wfile.flush()
                if fault == "stall":
                    served.release.wait(20)
                self.close_connection = True
                return
            self.wfile.write(rest)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    served.base = f"http://127.0.0.1:{server.server_port}/"
    publish(monkeypatch, served)
    yield served
    served.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


def publish(monkeypatch: pytest.MonkeyPatch, site: Site, **known: Known) -> None:
    """Make the site's files a data set, by their SHA-256 unless something else is known of one."""
    files = {}
    for name, body in site.files.items():
        files[name] = Remote(name, known.get(name.partition(".")[0], Known(hashlib.sha256(body).hexdigest())))
    monkeypatch.setattr(fetch, "PUBLIC", {"tiny": Public("about", "MIT", site.base, files)})


def get(folder: Path) -> list[Path]:
    return fetch.fetch_public("tiny", folder, timeout=0.5, wait=0.01)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "tiny").iterdir())


def test_files_arrive_whole(site: Site, tmp_path: Path) -> None:
    paths = get(tmp_path)
    assert [path.read_bytes() for path in paths] == list(site.files.values())
    assert names(tmp_path) == ["a.bin", "b.txt"]


def test_second_call_asks_only_for_what_is_missing_or_changed(site: Site, tmp_path: Path) -> None:
    paths = get(tmp_path)
    site.seen.clear()
    paths[1].write_bytes(b"changed")
    get(tmp_path)
    assert site.seen == [("b.txt", None)]
    assert paths[1].read_bytes() == b"two\n"


@pytest.mark.parametrize("fault", ["cut", "stall"])
def test_what_broke_off_goes_on_where_it_was(site: Site, tmp_path: Path, fault: str) -> None:
    site.faults = [fault, fault]
    (path, _) = get(tmp_path)
    assert path.read_bytes() == BIG
    asked = [wanted for name, wanted in site.seen if name == "a.bin"]
    starts = [0 if one is None else int(one[6:-1]) for one in asked]
    assert len(starts) == 3
    assert 0 == starts[0] < starts[1] < starts[2] < len(BIG)
    assert starts[1] >= len(BIG) // 2 - 2**16
    assert names(tmp_path) == ["a.bin", "b.txt"]


def test_a_later_call_goes_on_too(site: Site, tmp_path: Path) -> None:
    site.faults = ["cut"] + ["503"] * 4
    with pytest.raises(InputError, match=r"a\.bin: does not answer \(503 .*call again .*kept in a\.bin\.part"):
        get(tmp_path)
    assert names(tmp_path) == ["a.bin.part", "a.bin.part.json"]
    half = (tmp_path / "tiny" / "a.bin.part").stat().st_size
    assert half == len(BIG) // 2
    site.seen.clear()
    get(tmp_path)
    assert site.seen[0] == ("a.bin", f"bytes={half}-")
    assert (tmp_path / "tiny" / "a.bin").read_bytes() == BIG


def test_a_server_without_ranges_is_asked_for_everything(site: Site, tmp_path: Path) -> None:
    site.faults, site.ranges = ["cut"], False
    assert get(tmp_path)[0].read_bytes() == BIG


def test_a_new_version_is_not_glued_to_the_old(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.faults = ["cut"] + ["503"] * 4
    with pytest.raises(InputError):
        get(tmp_path)
    site.files["a.bin"], site.etag = BIG[::-1], '"two"'
    publish(monkeypatch, site)
    assert get(tmp_path)[0].read_bytes() == BIG[::-1]


def test_a_glued_file_is_found_out_and_asked_for_anew(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server names no version, so nothing but the SHA-256 can tell.
    site.faults, site.etag = ["cut"] + ["503"] * 4, None
    with pytest.raises(InputError):
        get(tmp_path)
    site.files["a.bin"] = BIG[::-1]
    publish(monkeypatch, site)
    site.seen.clear()
    assert get(tmp_path)[0].read_bytes() == BIG[::-1]
    assert [wanted is None for _, wanted in site.seen] == [False, True, True]


def test_without_sha_and_version_nothing_is_gone_on_from(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.faults, site.etag = ["cut"], None
    publish(monkeypatch, site, a=Known(size=len(BIG)))
    assert get(tmp_path)[0].read_bytes() == BIG
    assert site.seen[:2] == [("a.bin", None)] * 2


def test_a_part_of_another_address_is_not_gone_on_from(site: Site, tmp_path: Path) -> None:
    site.faults = ["cut"] + ["503"] * 4
    with pytest.raises(InputError):
        get(tmp_path)
    tag = tmp_path / "tiny" / "a.bin.part.json"
    for text in (tag.read_text().replace("a.bin", "c.bin"), "", "[]", "{"):
        tag.write_text(text)
        site.seen.clear()
        (tmp_path / "tiny" / "a.bin").unlink(missing_ok=True)
        (tmp_path / "tiny" / "a.bin.part").write_bytes(b"other")
        assert get(tmp_path)[0].read_bytes() == BIG
        assert site.seen[0] == ("a.bin", None)


def test_a_part_that_was_whole_already(site: Site, tmp_path: Path) -> None:
    site.faults = ["cut"] + ["503"] * 4
    with pytest.raises(InputError):
        get(tmp_path)
    part = tmp_path / "tiny" / "a.bin.part"
    part.write_bytes(BIG)
    assert get(tmp_path)[0].read_bytes() == BIG
    (tmp_path / "tiny" / "a.bin").unlink()
    site.faults = ["cut"] + ["503"] * 4
    with pytest.raises(InputError):
        get(tmp_path)
    part.write_bytes(BIG + b"and more")
    assert get(tmp_path)[0].read_bytes() == BIG


def test_another_range_than_asked_for_is_refused(site: Site, tmp_path: Path) -> None:
    site.faults = ["cut", "shift"]
    assert get(tmp_path)[0].read_bytes() == BIG


def test_wrong_bytes_are_refused_and_leave_nothing(site: Site, tmp_path: Path) -> None:
    site.faults = ["wrong"]
    with pytest.raises(InputError, match=r"a\.bin: has SHA-256 .* instead of .* and was not kept"):
        get(tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("known", "says"),
    [
        (Known(size=5), "has 4 bytes instead of 5"),
        (Known(begins=b"one"), "does not begin with 'one'"),
        (Known(lines=2), "has 1 lines instead of 2"),
    ],
)
def test_what_has_no_sha_is_checked_by_what_is_known(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: Known, says: str
) -> None:
    publish(monkeypatch, site, b=known)
    with pytest.raises(InputError, match=rf"b\.txt: {says}; it was changed or cut off"):
        get(tmp_path)
    publish(monkeypatch, site, b=Known(size=4, begins=b"tw", lines=1))
    assert not fetch.PUBLIC["tiny"].has_digests
    get(tmp_path)


@pytest.mark.parametrize("status", ["404", "403"])
def test_what_is_not_there_is_not_asked_for_again(site: Site, tmp_path: Path, status: str) -> None:
    site.faults = [status]
    with pytest.raises(InputError, match=rf"a\.bin: does not answer \({status} "):
        get(tmp_path)
    assert len(site.seen) == 1


def test_attempts_are_bounded(site: Site, tmp_path: Path) -> None:
    site.faults = ["503"] * 50
    with pytest.raises(InputError, match="does not answer"):
        get(tmp_path)
    assert len(site.seen) == 5


def test_nobody_listens_and_unknown_name(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.base = "http://127.0.0.1:9/"
    publish(monkeypatch, site)
    with pytest.raises(InputError, match=r"does not answer \(.*refused\); check the network and call again$"):
        get(tmp_path)
    with pytest.raises(InputError, match="there are tiny"):
        fetch.fetch_public("other", tmp_path)


def test_folder_is_in_the_way(site: Site, tmp_path: Path) -> None:
    (tmp_path / "tiny" / "a.bin.part").mkdir(parents=True)
    with pytest.raises(InputError, match=r"a\.bin\.part: cannot be written"):
        get(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupt_keeps_what_arrived(site: Site, tmp_path: Path) -> None:
    site.faults = ["stall"]
    digest = hashlib.sha256(BIG).hexdigest()
    code = (
        # A shell's background processes, such as a gate's, ignore SIGINT, and their children inherit it.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from medrec.datasets import fetch; from medrec.datasets.fetch import *; from medrec.cli import main\n"
        f"fetch.PUBLIC = {{'tiny': Public('', '', {site.base!r}, {{'a.bin': Remote('a.bin', Known({digest!r}))}})}}\n"
        f"raise SystemExit(main(['data', 'fetch', 'tiny', '--out', {str(tmp_path)!r}]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    part = tmp_path / "tiny" / "a.bin.part"
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert BIG.startswith(part.read_bytes())
    site.seen.clear()
    assert get(tmp_path)[0].read_bytes() == BIG
    assert site.seen[0][1] is not None


def packed(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return file.getvalue()


class TestArchives:
    def publish(self, monkeypatch: pytest.MonkeyPatch, site: Site, body: bytes, **parts: Known) -> None:
        site.files = {"a.zip": body}
        named = {name.replace("_", "."): known for name, known in parts.items()}
        files = {"a.zip": Remote("a.zip", parts=named)}
        monkeypatch.setattr(fetch, "PUBLIC", {"tiny": Public("about", "MIT", site.base, files)})

    def test_is_unpacked_once(self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        body = packed(**{"in/d.csv": b"a,b\n1,2\n", "in/more/e.txt": b"e"})
        self.publish(monkeypatch, site, body, d_csv=Known(begins=b"a,", lines=2))
        site.faults = ["cut"]
        paths = get(tmp_path)
        assert [path.relative_to(tmp_path / "tiny").as_posix() for path in paths] == ["a.zip", "in/d.csv"]
        assert paths[1].read_bytes() == b"a,b\n1,2\n"
        assert (tmp_path / "tiny" / "in" / "more" / "e.txt").read_bytes() == b"e"
        paths[1].unlink()
        site.seen.clear()
        assert get(tmp_path) == paths
        assert paths[1].exists()
        assert site.seen == []

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            (b"<html>please sign in</html>", r"a\.zip: is no whole zip archive \(File is not a zip file\); it was"),
            (packed(d_csv=b"x" * 9999)[:-30], r"a\.zip: is no whole zip archive"),
            (packed(**{"e.csv": b"1"}), r"a\.zip: must hold d\.csv once; it does 0 times"),
            (packed(**{"d.csv": b"1", "x/d.csv": b"1"}), r"a\.zip: must hold d\.csv once; it does 2 times"),
            (packed(**{"d.csv": b"1", "../evil": b"1"}), r"holds '\.\./evil', which would lie outside of its folder"),
            (packed(**{"d.csv": b"1", "/evil": b"1"}), r"holds '/evil', which would lie outside of its folder"),
            (packed(**{"d.csv": b"1\n2\n"}), r"a\.zip: d\.csv has 2 lines instead of 1; the archive is another one"),
        ],
    )
    def test_refused(self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, says: str) -> None:
        self.publish(monkeypatch, site, body, d_csv=Known(lines=1))
        with pytest.raises(InputError, match=says):
            get(tmp_path)
        assert not (tmp_path / "evil").exists()

    def test_codiesp_as_published_is_read(self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        members = {}
        for part in ("train", "dev", "test"):
            top = f"final_dataset_v4_to_publish/{part}/"
            members[f"{top}text_files/S1-1.txt"] = b"fiebre y tos"
            members[f"{top}{part}D.tsv"] = b"S1-1\tr50.9\n"
            members[f"{top}{part}P.tsv"] = b"S1-1\tbw03zzz\n"
            members[f"{top}{part}X.tsv"] = b"S1-1\tDIAGNOSTICO\tr50.9\tfiebre\t0 6\n"
        (remote,) = PUBLISHED["codiesp"].files.values()
        site.files = {"codiesp.zip": packed(**members)}
        files = {"codiesp.zip": Remote("codiesp.zip", parts=remote.parts)}
        monkeypatch.setattr(fetch, "PUBLIC", {"tiny": Public("about", "CC BY 4.0", site.base, files)})
        get(tmp_path)
        data = load(f"codiesp:{tmp_path / 'tiny' / 'final_dataset_v4_to_publish' / 'train'}")
        assert data.ids.tolist() == ["S1-1"]
        assert data.drug_names.tolist() == ["r50.9"]

    def test_too_large(self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.publish(monkeypatch, site, packed(**{"d.csv": b"0" * 10_000}), d_csv=Known())
        monkeypatch.setattr(fetch, "MAX_UNPACKED", 9_999)
        with pytest.raises(InputError, match="would unpack to more than"):
            get(tmp_path)


class TestPublished:
    def test_listed_with_how_each_is_checked(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["data", "fetch"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == len(fetch.PUBLIC)
        assert all(("SHA-256" in line) == fetch.PUBLIC[line.split()[0]].has_digests for line in lines)

    def test_every_file_can_be_checked(self) -> None:
        for public in fetch.PUBLIC.values():
            assert public.base.startswith("https://")
            assert public.licence
            for remote in public.files.values():
                assert remote.parts or remote.known != Known()

    @pytest.mark.data
    def test_digests_are_those_of_the_data_at_hand(self) -> None:
        for name, remote in fetch.PUBLIC["dialmed"].files.items():
            assert remote.wrong(data_path("dialmed", name)) is None
        assert fetch.PUBLIC["mulan-scene"].files["scene.xml"].wrong(data_path("mulan", "scene", "scene.xml")) is None

    @pytest.mark.data
    def test_digests_of_the_demo_are_those_that_physionet_publishes(self) -> None:
        published = dict(
            line.split()[::-1] for line in data_path("mimic4demo", "SHA256SUMS.txt").read_text().splitlines()
        )
        for name, remote in fetch.PUBLIC["mimic4demo"].files.items():
            assert remote.known.sha256 == published[name]
        for name in ("admissions", "patients", "diagnoses_icd", "d_icd_diagnoses"):
            file = f"hosp/{name}.csv.gz"
            assert fetch.PUBLIC["mimic4demo"].files[file].wrong(data_path("mimic4demo", file)) is None

    @pytest.mark.data
    def test_what_is_known_of_scene_holds_for_the_data_at_hand(self, tmp_path: Path) -> None:
        for part in ("train", "test"):
            path = tmp_path / f"scene-{part}.arff"
            path.write_bytes(gzip.decompress(data_path("mulan", "scene", f"scene-{part}.arff.gz").read_bytes()))
            assert fetch.PUBLIC["mulan-scene"].files[path.name].wrong(path) is None
