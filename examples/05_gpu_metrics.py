"""Label sets counted on a GPU where there is one, on the CPU where there is none: the same integers."""

# %% Sets of 200,000 records, 651 drugs, about 6.5 a record.
import time
from importlib.util import find_spec

import numpy as np
import scipy.sparse as sp

from medrec.metrics import overlap_counts
from medrec.recommenders.device import cuda_devices


def draw(n_records, n_labels=651, size=6.5, seed=0):
    """Random true sets, and predictions that share about half of them."""
    rng = np.random.default_rng(seed)
    n = int(n_records * size)
    rows, columns = rng.integers(n_records, size=n), rng.integers(n_labels, size=n)
    other = np.where(rng.random(n) < 0.5, columns, rng.integers(n_labels, size=n))
    made = []
    for labels in (columns, other):
        sets = sp.csr_matrix((np.ones(n, np.float32), (rows, labels)), shape=(n_records, n_labels))
        sets.data[:] = 1
        made.append(sets)
    return made


def timed(Y, Z, wait=lambda: None):
    overlap_counts(Y, Z)  # the first call compiles
    wait()
    start = time.perf_counter()
    counts = overlap_counts(Y, Z)
    wait()
    return counts, 1000 * (time.perf_counter() - start)


Y, Z = draw(200_000)
counts, milliseconds = timed(Y, Z)
print(f"CPU: Jaccard {counts.jaccard():.4f}, micro F1 {counts.f1('micro'):.4f}, {milliseconds:.0f} ms")

# %% The same call with CuPy's matrices; the counts stay on the GPU until get().
if not cuda_devices():
    print("GPU: there is no NVIDIA GPU here, so nothing more is counted. Everything runs on the CPU without one.")
elif find_spec("cupy") is None:
    print('GPU: CuPy is not installed: pip install "medrec[gpu]"')
else:
    import cupy
    import cupyx.scipy.sparse as gpu

    on_gpu, milliseconds = timed(gpu.csr_matrix(Y), gpu.csr_matrix(Z), cupy.cuda.Device().synchronize)
    same = all(np.array_equal(getattr(counts, name), getattr(on_gpu.get(), name)) for name in ("h", "y", "z", "tp"))
    print(f"GPU: Jaccard {on_gpu.jaccard():.4f}, {milliseconds:.2f} ms; the same counts: {same}")
