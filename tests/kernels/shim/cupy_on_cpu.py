"""As much of CuPy as ``medrec.kernels.cuda`` uses, over NumPy, with kernels run by the shim.

Every array that is allocated has guard words around it, looked at after each launch, and every pointer that a
kernel gets is one of these arrays.
"""

import ctypes
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import scipy.sparse as sp

HERE = Path(__file__).parent
GUARD = 64
_SENTINEL = 0x5A
_numbers = count()


class ndarray(np.ndarray):
    """An array of the pretended device."""

    def get(self):
        """A copy on the host."""
        return np.array(self)


ndarray.__module__ = "cupy"


class csr_matrix:
    """A CSR matrix on the pretended device, entries as the host has them."""

    format, ndim = "csr", 2

    def __init__(self, host, index=None):
        host = host if getattr(host, "format", "") == "csr" else sp.csr_matrix(host)
        kinds = index or host.indices.dtype
        self.shape, self.nnz, self.data = host.shape, host.nnz, asarray(host.data)
        self.indices, self.indptr = asarray(host.indices.astype(kinds)), asarray(host.indptr.astype(kinds))

    def tocoo(self):
        """Duplicates and stored zeros stay."""
        rows = np.repeat(np.arange(self.shape[0], dtype=self.indices.dtype), np.diff(np.asarray(self.indptr)))
        return coo_matrix(self.shape, self.data, asarray(rows), self.indices)


class coo_matrix(SimpleNamespace):
    """A COO matrix on the pretended device."""

    format, ndim = "coo", 2

    def __init__(self, shape, data, row, col):
        super().__init__(shape=shape, data=data, row=row, col=col)

    def tocoo(self):
        return self


csr_matrix.__module__ = coo_matrix.__module__ = "cupyx.scipy.sparse"


def _allocate(shape, dtype):
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    whole = np.full(size + 2 * GUARD, _SENTINEL, dtype=np.uint8)
    array = whole[GUARD : GUARD + size].view(dtype).reshape(shape).view(ndarray)
    array.whole = whole
    return array


def zeros(shape, dtype):
    array = _allocate(shape, dtype)
    array[...] = 0
    return array


def asarray(host):
    array = _allocate(host.shape, host.dtype)
    array[...] = host
    return array


def ascontiguousarray(array, dtype=None):
    return asarray(np.ascontiguousarray(np.asarray(array), dtype=dtype))


class KernelFault(RuntimeError):
    """A deadlock, or an access out of bounds."""


class Function:
    """A kernel of the compiled library."""

    max_dynamic_shared_size_bytes = 0

    def __init__(self, library, number, order):
        self._run = library[f"launch_{number}"]
        self._order = order

    def __call__(self, grid, block, args, shared_mem=0):
        assert shared_mem <= sys.modules["cupy"].cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"]
        assert shared_mem <= max(48 * 1024, self.max_dynamic_shared_size_bytes), "not asked for"
        assert block[0] % 32 == 0
        held = []
        for argument in args:
            assert isinstance(argument, (ndarray, np.generic)), "a kernel takes arrays and NumPy's scalars"
            if isinstance(argument, ndarray):
                assert argument.flags.c_contiguous
                argument = np.uint64(argument.ctypes.data)
            held.append(np.array([argument]))
        n = len(held)
        status = self._run(
            grid[0],
            block[0],
            self._order,
            shared_mem,
            (ctypes.c_void_p * n)(*[one.ctypes.data for one in held]),
            (ctypes.c_int * n)(*[one.itemsize for one in held]),
            (ctypes.c_longlong * n)(*[one.nbytes if isinstance(one, ndarray) else 0 for one in args]),
            n,
        )
        assert status != 1, "the arguments are of other sizes than the kernel's"
        if status:
            raise KernelFault({2: "a thread never came to a barrier", 3: "an access out of bounds"}[status])
        for array in args:
            whole = getattr(array, "whole", None)
            if whole is not None:
                assert (whole[:GUARD] == _SENTINEL).all(), "written before an array"
                assert (whole[-GUARD:] == _SENTINEL).all(), "written behind an array"


class RawModule:
    """Compiles the source as C++ beside the shim."""

    folder: Path
    order = 0
    edit = staticmethod(lambda code: code)

    def __init__(self, code, options, name_expressions):
        assert any(option.startswith("--std=") for option in options)
        self.names = list(name_expressions)
        launchers = "\n".join(
            f'extern "C" int launch_{i}(unsigned grid, unsigned block, unsigned order, unsigned shared, void** values, '
            f"const int* sizes, const long long* bytes, int n) {{ "
            f"return shim::launch_as<&{name}>(&{name}, grid, block, order, shared, values, sizes, bytes, n); }}"
            for i, name in enumerate(self.names)
        )
        source = self.folder / f"kernels_{next(_numbers)}.cpp"  # a library is loaded once by its name
        source.write_text(f'#include "cuda_on_cpu.hpp"\n{self.edit(code)}\n{launchers}\n', encoding="utf-8")
        library = source.with_suffix(".so")
        command = [shutil.which("g++"), "-std=c++17", "-O1", "-shared", "-fPIC", f"-I{HERE}", source, "-o", library]
        subprocess.run(command, check=True, capture_output=True)
        self.library = ctypes.CDLL(str(library))

    def get_function(self, name):
        return Function(self.library, self.names.index(name), self.order)


def _on_device(function):
    """NumPy's function with its result on the pretended device."""
    return lambda *inputs, **options: asarray(function(*inputs, **options))


def module(folder, *, edit=None, order=0, multiprocessors=1, shared=227 * 1024):
    """A module to put into ``sys.modules`` as ``cupy``."""
    raw = type("RawModule", (RawModule,), {"folder": folder, "order": order})
    if edit is not None:
        raw.edit = staticmethod(edit)
    attributes = {"MultiProcessorCount": multiprocessors, "MaxSharedMemoryPerBlockOptin": shared}
    cupy = ModuleType("cupy")
    cupy.empty, cupy.zeros, cupy.asarray, cupy.ascontiguousarray = _allocate, zeros, asarray, ascontiguousarray
    for name in ("arange", "bincount", "searchsorted", "unique"):
        setattr(cupy, name, _on_device(getattr(np, name)))
    cupy.nonzero = lambda array: tuple(asarray(one) for one in np.nonzero(array))
    cupy.RawModule = raw
    cupy.cuda = SimpleNamespace(Device=lambda: SimpleNamespace(id=0, attributes=attributes))
    return cupy
