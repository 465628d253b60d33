"""Public data, downloaded from where it was published and checked before it takes its name."""

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from medrec._checks import InputError
from medrec._io import atomic_write
from medrec.datasets._download import download, sha256_of

MAX_UNPACKED = 2**31
"""Bytes that an archive may unpack to."""
_BLOCK = 2**20


@dataclass(frozen=True)
class Known:
    """What is known of a file before it is downloaded.

    Parameters
    ----------
    sha256 : str, optional
        Its SHA-256, only where it is published or the very file was at hand.
    size : int, optional
        Its bytes.
    begins : bytes, default=b""
        What it begins with.
    lines : int, optional
        How many lines it has.
    """

    sha256: str | None = None
    size: int | None = None
    begins: bytes = b""
    lines: int | None = None

    def wrong(self, path: Path) -> str | None:
        """What is not as it should be, with the reason; None where all is."""
        if self.sha256 is not None:
            found = sha256_of(path)
            return None if found == self.sha256 else f"has SHA-256 {found[:16]}… instead of {self.sha256[:16]}…"
        if self.size is not None and path.stat().st_size != self.size:
            return f"has {path.stat().st_size} bytes instead of {self.size}"
        lines, last = 0, b"\n"
        with open(path, "rb") as file:
            if file.read(len(self.begins)) != self.begins:
                return f"does not begin with {self.begins.decode()!r}"
            file.seek(0)
            while self.lines is not None and (block := file.read(_BLOCK)):
                lines, last = lines + block.count(b"\n"), block[-1:]
        lines += last != b"\n"
        return None if self.lines in (None, lines) else f"has {lines} lines instead of {self.lines}"


@dataclass(frozen=True)
class Remote:
    """A file to download.

    Parameters
    ----------
    address : str
        Its address behind the data set's.
    known : Known
        What it must be.
    parts : dict of str to Known, optional
        For a zip archive, which is unpacked beside itself: files that must be in it, by the end of their path.
    """

    address: str
    known: Known = field(default_factory=Known)
    parts: Mapping[str, Known] = field(default_factory=dict)

    def wrong(self, path: Path) -> str | None:
        """What is not as it should be, in the file or in the archive that it is."""
        if not self.parts:
            return self.known.wrong(path)
        try:
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
        except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError, EOFError) as error:
            return f"is no whole zip archive ({error})"
        return f"has a damaged file {damaged!r}" if damaged else self.known.wrong(path)


@dataclass(frozen=True)
class Public:
    """A public data set.

    Parameters
    ----------
    about : str
        What it is and whose.
    licence : str
        Its licence.
    base : str
        Address that the files' addresses are put behind.
    files : dict of str to Remote
        Each file by the path that it gets.
    """

    about: str
    licence: str
    base: str
    files: Mapping[str, Remote]

    @property
    def has_digests(self) -> bool:
        """Whether the SHA-256 of every file is known."""
        return all(one.known.sha256 for one in self.files.values())


def _digests(**files: str) -> dict[str, Remote]:
    """Tables of MIMIC-IV's hosp module by their SHA-256."""
    return {f"hosp/{name}.csv.gz": Remote(f"hosp/{name}.csv.gz", Known(sha)) for name, sha in files.items()}


_DIALMED = {
    "label.json": Remote(
        "data/dataset/label.json", Known("8530a29c0f0ebbeffd54820b5503ff1122b5bab9a4f82f4149d82cc7cc1f3b4a")
    ),
    "ddi.json": Remote("appendix/ddi.json", Known("67a16284e4a7abb01b0f5d1283e25016ff4d0b672a8bc18e1aedeca322dfdb07")),
}
_DIALMED_BASE = "https://raw.githubusercontent.com/f-window/DialMed/f0bf22f5582885b08fe37dd05883187e78c8f13d/"
PUBLIC = {
    "dialmed": Public(
        about="DialMed (He et al., COLING 2022): dialogues of its development split, labels, interactions",
        licence="MIT",
        base=_DIALMED_BASE,
        files={
            "dev.txt": Remote(
                "data/dataset/dev.txt", Known("8fb8e4ac663443ac5b2b9936c96f769f8273ce4f971aa68ca777685787f78ef6")
            ),
            **_DIALMED,
            "medication_normalization.json": Remote(
                "appendix/medication_normalization.json",
                Known("30d3c6dfeea6acd707a67d35d206b71ac97278dd69d19833177c8cd9cd1c12e6"),
            ),
        },
    ),
    "dialmed-test": Public(
        about="DialMed: dialogues of its test split, labels, interactions",
        licence="MIT",
        base=_DIALMED_BASE,
        files={"test.txt": Remote("data/dataset/test.txt", Known(begins=b"{", lines=1199)), **_DIALMED},
    ),
    "mulan-scene": Public(
        about="scene (Boutell et al. 2004) with Mulan's train and test split: 2,407 images, 6 labels",
        licence="not stated",
        base="https://raw.githubusercontent.com/tsoumakas/mulan/5862bed221a9ec2baf9a090f5e98637e9dfb088b/data/multi-label/scene/",
        files={
            "scene-train.arff": Remote("scene-train.arff", Known(size=3_127_968, begins=b"@relation")),
            "scene-test.arff": Remote("scene-test.arff", Known(size=3_090_742, begins=b"@relation")),
            "scene.xml": Remote("scene.xml", Known("55d8b247b949ad5c52e5a73d8c6775ec6e5469ce9682465b45b333b68ee4bcc5")),
        },
    ),
    "uci_diabetes130": Public(
        about="Diabetes 130-US hospitals 1999-2008 (Strack et al. 2014): 101,766 encounters, 23 drugs",
        licence="CC BY 4.0",
        base="https://archive.ics.uci.edu/static/public/296/",
        files={
            "diabetes.zip": Remote(
                "diabetes+130-us+hospitals+for+years+1999-2008.zip",
                parts={"diabetic_data.csv": Known(begins=b"encounter_id,patient_nbr,", lines=101_767)},
            )
        },
    ),
    "codiesp": Public(
        about="CodiEsp gold v4 (CLEF eHealth 2020): 1,000 Spanish clinical cases with ICD-10 codes",
        licence="CC BY 4.0",
        base="https://zenodo.org/record/3837305/files/",
        files={
            "codiesp.zip": Remote(
                "codiesp.zip?download=1",
                parts={f"{part}{track}.tsv": Known() for part in ("train", "dev", "test") for track in "DPX"},
            )
        },
    ),
    "mimic4demo": Public(
        about="MIMIC-IV Clinical Database Demo 2.2 (Johnson et al. 2023): 275 admissions of 100 patients",
        licence="ODbL 1.0",
        base="https://physionet.org/files/mimic-iv-demo/2.2/",
        files=_digests(
            admissions="910b9f160ffdf1e08ea673585393f347c773ccc87d66875c627584a903ae8493",
            patients="59dcc6cd8450ddf03ad32cc7d76e41caa4c9633541715987f590c74835cf6fae",
            diagnoses_icd="958565670c0b3903c0c12825366dc2bae8561d2d55f16feac0c949dd630ed3e4",
            procedures_icd="68f21dcba9ae0c4b7faa3ef38aa950a8ebeb6d167bc74416314dccdcf28674e0",
            prescriptions="33c392ba5b9299b08eca0a61911ba106f0aebdba26ed31b856bb9ffd49fe3654",
            d_icd_diagnoses="0f715a3c4c5e44400305d4deb86ff648e499a3bfcb946f353e8b030022d3ec06",
            d_icd_procedures="a921a20fbf3220e2a7fe874d6392d671c1cc769a001ef0a7841b80eb01030bb6",
        ),
    ),
}
"""What can be fetched, by the name that ``medrec data fetch`` takes.

The SHA-256 of MIMIC-IV's demo are those that PhysioNet publishes, the others those of the very files. Where none is
known, size, number of lines, or an archive's own checksums stand for it.
"""


def fetch_public(name: str, folder: str | os.PathLike[str], *, timeout: float = 30.0, wait: float = 1.0) -> list[Path]:
    """Download a public data set into ``folder / name``.

    A file that is there already and is what it should be is not downloaded again. A download that breaks off is tried
    again a few times and goes on where it was; what arrived stays as ``NAME.part``, also after an interrupt, so that
    calling again goes on from there. A file that is not what it should be is not kept. Archives are unpacked.

    Parameters
    ----------
    name : str
        A key of ``PUBLIC``.
    folder : path-like
        The folder, which must exist.
    timeout : float, default=30.0
        Seconds without a byte after which an attempt is given up.
    wait : float, default=1.0
        Seconds before the second attempt; they double with each.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        When there is no data set of that name, an address does not answer, or a file is not what it should be.
    """
    if name not in PUBLIC:
        raise InputError(f"there is no public data set {name!r}; there are {', '.join(PUBLIC)}")
    public = PUBLIC[name]
    paths = []
    for file_name, remote in public.files.items():
        path = Path(folder) / name / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        url = public.base + remote.address
        if not (path.is_file() and remote.wrong(path) is None):
            # An archive's own checksums, too, tell a file that was glued of two versions.
            safe = remote.known.sha256 is not None or bool(remote.parts)
            download(url, path, remote.wrong, safe=safe, timeout=timeout, wait=wait)
        paths += [path, *_unpack(path, remote.parts, url)] if remote.parts else [path]
    return paths


def _unpack(path: Path, parts: Mapping[str, Known], url: str) -> list[Path]:
    """Unpack an archive beside itself, what is there already and as large passed over; the parts that must be in it."""
    with zipfile.ZipFile(path) as archive:
        members = [one for one in archive.infolist() if not one.is_dir()]
        for member in members:
            inner = PurePosixPath(member.filename)
            if inner.is_absolute() or ".." in inner.parts or "\\" in member.filename or ":" in member.filename:
                raise InputError(f"holds {member.filename[:80]!r}, which would lie outside of its folder", path=url)
        if sum(member.file_size for member in members) > MAX_UNPACKED:
            raise InputError(f"would unpack to more than {MAX_UNPACKED // 2**30} GiB; refused", path=url)
        found = {}
        for end in parts:
            named = [one.filename for one in members if PurePosixPath(one.filename).name == end]
            if len(named) != 1:
                raise InputError(f"must hold {end} once; it does {len(named)} times", path=url)
            found[end] = path.parent / named[0]
        for member in members:
            target = path.parent / member.filename
            if target.is_file() and target.stat().st_size == member.file_size:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as packed, atomic_write(target, "wb") as file:
                while block := packed.read(_BLOCK):
                    file.write(block)
    for end, known in parts.items():
        wrong = known.wrong(found[end])
        if wrong is not None:
            raise InputError(f"{end} {wrong}; the archive is another one than was published", path=url)
    return list(found.values())
