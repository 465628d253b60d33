"""Pickles from strangers, read by an unpickler that runs nothing that stands in them.

A pickle is a program: it names functions and calls them. Here a name is looked up in a short table and nowhere else, and
what stands in that table builds lists, dictionaries, texts, numbers, arrays of numbers or texts, and ``Voc`` objects.
Classes and functions that dill writes out with their code become an empty stand-in; the code is never made.
"""

import math
import os
import pickle
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from medrec._checks import InputError
from medrec.datasets._json_lines import open_bytes, shown

MAX_BYTES = 2**30
"""The largest pickle that is read."""


class Voc:
    """The vocabulary of GAMENet and SafeDrug, as data: ``words`` holds ``idx2word`` and ``word2idx``."""

    words: dict[str, Any]

    def __new__(cls) -> "Voc":
        made = super().__new__(cls)
        made.words = {}
        return made

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("a Voc holds something else than attributes")
        self.words = dict(state)


class _Inert:
    """What stands for a class, a function, its code or its globals that dill wrote out: it does nothing."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> "_Inert":
        return self

    def __setstate__(self, state: Any) -> None:
        pass


_INERT = _Inert()


class _Name:
    """What stands for a function or type that a pickle names: it can be called, and not be changed."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it changes what it only may call")


class _DType:
    """A numpy dtype in the making: its code, such as ``f8`` or ``U5``, and its byte order."""

    def __init__(self, code: Any, *flags: Any) -> None:
        if not isinstance(code, str) or code[:1] not in "biufSU" or not code[1:].isdecimal():
            raise pickle.UnpicklingError(f"it holds an array of {shown(code)}; only numbers and texts may be")
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("it holds an array without a byte order")
        self.order = order

    def done(self) -> "np.dtype[Any]":
        return np.dtype(self.order.replace("|", "=") + self.code)


class _Array:
    """A numpy array in the making; ``as_plain`` gives the array."""

    def __init__(self, *described: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("it holds an array that is not written as numpy writes one")
        self.state = state

    def done(self) -> np.ndarray:
        if self.state is None:
            raise pickle.UnpicklingError("it holds an array without content")
        _, shape, dtype, by_column, raw = self.state
        return _from_buffer(raw, dtype, shape, "F" if by_column else "C")


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """An array of the bytes that stand in the pickle."""
    if not isinstance(dtype, _DType) or not isinstance(raw, (bytes, bytearray)) or order not in ("C", "F"):
        raise pickle.UnpicklingError("it holds an array of something else than numbers and texts")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise pickle.UnpicklingError("it holds an array without a shape")
    if math.prod(shape) * dtype.done().itemsize != len(raw):
        raise pickle.UnpicklingError("it holds an array whose bytes do not fit its shape")
    return np.frombuffer(bytes(raw), dtype=dtype.done()).reshape(shape, order=order)


def _scalar(dtype: Any, raw: Any = None) -> Any:
    """One number or text of numpy, as Python's own."""
    return _from_buffer(raw, dtype, (), "C").item()


def _dill_type(metaclass: Any, name: Any, *described: Any) -> type[Voc]:
    """dill's ``_create_type``, for the one class that may be described."""
    if name != "Voc":
        raise pickle.UnpicklingError(f"it describes a class {shown(name)}; only Voc may be")
    return Voc


def _set_attribute(target: Any, attribute: Any, value: Any) -> None:
    """``setattr`` as dill calls it on the class that it has described: nothing is set."""
    if target is not Voc and target is not _INERT:
        raise pickle.UnpicklingError("it sets an attribute of something that is no class")


def _bytes_of(text: Any, encoding: Any) -> bytes:
    """``_codecs.encode``, by which older protocols write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("it encodes text otherwise than bytes are written")
    return text.encode("latin1")


def _collection(kind: type) -> _Name:
    """A set or bytearray, made of what stands in the file; a number would reserve memory."""

    def make(items: Any = ()) -> Any:
        if not isinstance(items, (list, tuple, bytes)):
            raise pickle.UnpicklingError(f"it makes a {kind.__name__} of something else than its items")
        return kind(items)

    return _Name(make)


def _instance(kind: Any, base: Any, state: Any) -> Voc:
    """``copyreg._reconstructor``, by which protocols 0 and 1 write an instance."""
    if kind is not Voc or state is not None:
        raise pickle.UnpicklingError("it builds an instance of something else than Voc")
    return Voc()


_BUILTINS = {
    "object": _INERT,
    "set": _collection(set),
    "frozenset": _collection(frozenset),
    "bytearray": _collection(bytearray),
    "bytes": _collection(bytes),
    "setattr": _Name(_set_attribute),
    "__main__": _INERT,  # dill's word for the globals of the script
}
_COPYREG = {"_reconstructor": _Name(_instance)}
_MULTIARRAY = {"_reconstruct": _Name(_Array), "scalar": _Name(_scalar)}
_NUMERIC = {"_frombuffer": _Name(_from_buffer)}
_DILL = dict.fromkeys(("_load_type", "_create_function", "_create_code"), _INERT) | {"_create_type": _Name(_dill_type)}
ALLOWED: dict[str, dict[str, Any]] = {
    "builtins": _BUILTINS,
    "__builtin__": _BUILTINS,
    "copyreg": _COPYREG,
    "copy_reg": _COPYREG,
    "_codecs": {"encode": _Name(_bytes_of)},
    "numpy": {"ndarray": _INERT, "dtype": _Name(_DType)},
    "numpy.core.multiarray": _MULTIARRAY,
    "numpy._core.multiarray": _MULTIARRAY,
    "numpy.core.numeric": _NUMERIC,
    "numpy._core.numeric": _NUMERIC,
    "dill._dill": _DILL,
    "dill.dill": _DILL,
}
"""What each name in a pickle stands for. ``Voc`` is taken from any module; every other name is refused."""


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that knows the names of ``ALLOWED`` and ``Voc``, and imports nothing.

    Parameters
    ----------
    file : binary file
        The pickle.
    """

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of a name."""
        if name == "Voc":
            return Voc
        try:
            return ALLOWED[module][name]
        except KeyError:
            rule = f"it names {shown(f'{module}.{name}')}, which no such file needs"
            raise pickle.UnpicklingError(rule) from None

    def persistent_load(self, pid: Any) -> Any:
        """What lies outside of the file is refused."""
        raise pickle.UnpicklingError("it refers to something outside of the file")


def read_pickle(path: str | os.PathLike[str]) -> Any:
    """The value of a pickle that holds no more than lists, dictionaries, texts, numbers, arrays and ``Voc``.

    Parameters
    ----------
    path : path-like
        The file, written by pickle or dill, also ``.gz``.

    Returns
    -------
    object
        What it holds. ``as_plain`` makes numpy's arrays of the arrays in it.

    Raises
    ------
    InputError
        When the file cannot be read, names anything else, is damaged or larger than ``MAX_BYTES``. Nothing that
        stands in it has run by then.

    References
    ----------
    Python's documentation of ``pickle``, "Restricting Globals".

    Examples
    --------
    >>> import pathlib, pickle, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "a.pkl"
    ...     _ = path.write_bytes(pickle.dumps([[1, 2], {"a": 0.5}]))
    ...     read_pickle(path)
    [[1, 2], {'a': 0.5}]
    """
    try:
        with open_bytes(path) as file:
            for opcode, argument, at in pickletools.genops(file):
                size = at or 0
                if size > MAX_BYTES:
                    raise pickle.UnpicklingError(f"it is larger than {MAX_BYTES // 2**30} GiB")
                if opcode.name in ("PUT", "LONG_BINPUT") and int(argument or 0) > size:
                    raise pickle.UnpicklingError("it reserves memory that it does not use")
            file.seek(0)
            return RestrictedUnpickler(file).load()
    except InputError:
        raise
    except pickle.UnpicklingError as error:
        raise refused(error, path) from error
    except Exception as error:  # any damage shows itself as whatever the unpickler met
        rule = f"is no whole pickle ({type(error).__name__}: {str(error)[:120]}); copy it again"
        raise InputError(rule, path=path) from error


def refused(error: pickle.UnpicklingError, path: Any) -> InputError:
    """The message about a pickle that holds what it may not."""
    rule = f"was refused as a pickle: {str(error)[:160]}; nothing in it was run. Take the file as its authors wrote it"
    return InputError(rule, path=path)


def as_plain(value: Any, path: Any) -> Any:
    """An array of a pickle as numpy's; everything else as it is."""
    try:
        return value.done() if isinstance(value, _Array) else value
    except pickle.UnpicklingError as error:
        raise refused(error, path) from error
