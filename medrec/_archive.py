"""Model files as they lie on the disk: a zip file in a zip file, every part of it looked at before it is unpacked.

Nothing here builds an object. It says that members are those that ``save`` writes, that nothing unpacks to more than
the file could honestly hold, that arrays are as long as they claim, and that the description of the objects uses only
the kinds of node that medrec's models need.
"""

import io
import json
import re
import zipfile
from typing import IO, Any

import numpy as np

OUTER = ["manifest.json", "model.skops"]
"""The members of a model file, in their order."""
INNER = re.compile(r"schema\.json|[0-9a-f-]{1,40}\.np[yz]", re.ASCII)
"""Names of the members of ``model.skops``."""
SPARSE = {"indices.npy", "indptr.npy", "format.npy", "shape.npy", "data.npy", "_is_array.npy"}
"""Members of a sparse matrix."""
MAX_MANIFEST = 2**20
"""Bytes of manifest.json at most."""
MAX_UNPACKED = 2**30
"""Bytes that a model of any size may unpack to; a larger one by 200 times its size, far beyond what arrays do."""
NODES = {
    *("DictNode", "ListNode", "TupleNode", "SetNode", "SliceNode", "JsonNode", "NdArrayNode", "SparseMatrixNode"),
    *("DTypeNode", "TypeNode", "FunctionNode", "ObjectNode", "RandomStateNode", "LossNode", "DefaultDictNode"),
}
"""What an object may be described as. Left out is what calls something: methods, operators, partial functions,
constructors, and whatever skops still reads of its older layouts."""
REFUSED = {f"sklearn.svm._classes.{name}" for name in ("SVC", "NuSVC", "SVR", "NuSVR", "OneClassSVM")}
"""Types of scikit-learn that skops takes and medrec does not: libsvm follows their counts without asking whether the
arrays are as long, as trees do, which skops refuses."""


class DamageError(ValueError):
    """What is wrong with a model file."""


def read_outer(file: IO[bytes]) -> tuple[bytes, bytes]:
    """``manifest.json`` and ``model.skops`` of an open model file.

    Raises
    ------
    DamageError
        When there are other members than these two, or one is packed, encrypted or of another sum.
    """
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        if names != OUTER:
            found = ", ".join(f"{name:.40}" for name in names[:4]) or "none"
            raise DamageError(f"has the members {found} instead of {' and '.join(OUTER)}")
        _check_members(members, {zipfile.ZIP_STORED})
        if members[0].file_size > MAX_MANIFEST:
            raise DamageError("manifest.json is too large")
        return archive.read(members[0]), archive.read(members[1])


def check_inner(blob: bytes) -> None:
    """Look at everything in ``model.skops`` that skops would unpack.

    Raises
    ------
    DamageError
        When a member stands twice, has a strange name, is encrypted, unpacks to too much, is no array of the length
        that it claims, or the description of the objects has a node of another kind.
    """
    limit = max(MAX_UNPACKED, 200 * len(blob))
    with zipfile.ZipFile(io.BytesIO(blob)) as archive:
        members = archive.infolist()
        _check_members(members, {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
        for member in members:
            if not INNER.fullmatch(member.filename):
                raise DamageError(f"model.skops has the member {member.filename!r:.80}")
        _check_total(members, limit)
        for member in members:
            if member.filename.endswith(".npy"):
                with archive.open(member) as stream:
                    _check_array(stream, member)
            elif member.filename.endswith(".npz"):
                _check_sparse(archive.read(member), limit)
        schema = json.loads(archive.read("schema.json"))
    layout = schema.get("protocol") if isinstance(schema, dict) else None
    if type(layout) is not int or layout < 2:
        raise DamageError(f"model.skops has the layout {layout!r:.40} of skops")
    _check_nodes(schema)


def _check_members(members: list[zipfile.ZipInfo], packed: set[int]) -> None:
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        raise DamageError("has a member twice")
    for member in members:
        if member.flag_bits & 0x1:
            raise DamageError(f"member {member.filename!r:.80} is encrypted")
        if member.compress_type not in packed:
            raise DamageError(f"member {member.filename!r:.80} is packed in another way")
        kind = member.external_attr >> 28
        if kind not in (0, 8):  # neither of Unix nor a regular file there: a folder or a link
            raise DamageError(f"member {member.filename!r:.80} is no regular file")


def _check_total(members: list[zipfile.ZipInfo], limit: int) -> None:
    unpacked = sum(member.file_size for member in members)
    if unpacked > limit:
        raise DamageError(f"would unpack to {unpacked / 2**30:.0f} GiB, which no model does")


def _check_array(stream: IO[bytes], member: zipfile.ZipInfo) -> None:
    """An array must have as many bytes as its header says, so that none is made that the file does not fill."""
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(stream)
    if version not in read:
        raise DamageError(f"array {member.filename} is of version {version}")
    shape, _, dtype = read[version](stream)
    if dtype.hasobject or not dtype.itemsize or dtype.kind not in "biufSU":
        raise DamageError(f"array {member.filename} holds objects")
    length = dtype.itemsize
    for size in shape:
        length *= size
    if min(shape, default=0) < 0 or stream.tell() + length != member.file_size:
        raise DamageError(f"array {member.filename} has not the length that it claims")


def _check_sparse(packed: bytes, limit: int) -> None:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        members = archive.infolist()
        _check_members(members, {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
        _check_total(members, limit)
        if not {member.filename for member in members} <= SPARSE:
            raise DamageError("a sparse matrix has other members")
        for member in members:
            with archive.open(member) as stream:
                _check_array(stream, member)


def _check_nodes(schema: dict[str, Any]) -> None:
    """Every node must be of a known kind, and what one identity stands for must be the same everywhere.

    skops takes the first description of an identity wherever it comes again, but walks through it each time: a short
    file of nested repetitions would keep it busy for ever.
    """
    known: dict[Any, int] = {}

    def look(one: Any) -> int:
        """A hash of what a node describes, without identities and names of files, which copies do not share."""
        if isinstance(one, list):
            return hash(tuple(map(look, one)))
        if not isinstance(one, dict):
            return hash(one)
        described = hash(tuple((key, look(value)) for key, value in one.items() if key not in ("__id__", "file")))
        if "__loader__" in one:
            _check_node(one["__loader__"], str(one["__module__"]), str(one["__class__"]))
            identity = one.get("__id__")
            if identity is not None and known.setdefault(identity, described) != described:
                raise DamageError("describes one object in two ways")
        return described

    look(schema)


def _check_node(kind: str, module: str, name: str) -> None:
    if kind not in NODES:
        raise DamageError(f"holds a node of the kind {kind!r:.60}, which medrec's models do not have")
    if module.startswith("scipy.sparse") != (kind == "SparseMatrixNode"):
        raise DamageError(f"holds a {module:.60} as {kind}")
    if f"{module}.{name}" in REFUSED:
        raise DamageError(f"holds a {name}, whose arrays libsvm would believe; LinearSVC can be read")
