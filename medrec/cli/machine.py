"""What this machine has of what medrec can use, each part looked at by itself: ``medrec doctor`` prints it."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module, metadata, util
from pathlib import Path
from typing import Any, NamedTuple

GIB = 2**30


class Part(NamedTuple):
    """One part of the machine.

    Attributes
    ----------
    name : str
    state : {"ok", "absent", "broken"}
    note : str
        What there is, or what is lacking.
    cure : str
        The command that gets or mends it; empty where there is nothing to do.
    core : bool
        Whether medrec does not work without it.
    """

    name: str
    state: str
    note: str
    cure: str = ""
    core: bool = False


MODULES = {"scikit-learn": "sklearn", "scikit-multilearn-ng": "skmultilearn"}
"""Modules that are not called as their package."""
OPTIONAL = (
    ("dask", "evaluation where the records lie", "dask"),
    ("distributed", "a cluster's workers", "dask"),
    ("pyarrow", "Parquet files", "parquet"),
    ("scikit-multilearn-ng", "ML-kNN, RAkEL and label powersets", "multilearn"),
)
"""Packages without parts of their own to look at: what each brings, and the extra that brings it."""
CHINESE = (
    "Noto Sans CJK",
    "Noto Sans SC",
    "Source Han",
    "WenQuanYi",
    "PingFang",
    "Hiragino Sans GB",
    "Microsoft YaHei",
)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "LOKY_MAX_CPU_COUNT")


def examine() -> Iterator[Part]:
    """Every part, in the order in which it is printed; none of them raises."""
    yield from core_packages()
    for name, works, cure in WORKS:
        yield _tried(name, works, cure)
    yield from boosters()
    yield from gpu()
    for package, purpose, extra in OPTIONAL:
        yield package_part(package, purpose, f'pip install "medrec[{extra}]"')
    for look in (fonts, compiled_code, temporary_files, memory, threads, output, data):
        yield look()


# ---------------------------------------------------------------------------------------------------------- packages


def core_packages() -> Iterator[Part]:
    """Each package that medrec requires: importable, and of a version that will do."""
    from packaging.requirements import Requirement

    try:
        required = [Requirement(line) for line in metadata.requires("medrec") or ()]
    except metadata.PackageNotFoundError:
        yield Part("medrec", "broken", "is not installed, so its requirements are unknown", "pip install medrec", True)
        return
    for one in required:
        if one.marker is None or one.marker.evaluate({"extra": ""}):
            name = f"{one.name}{one.specifier}"
            part = package_part(one.name, "required", f'pip install --upgrade "{name}"', core=True)
            have = _version(one.name)
            if part.state == "ok" and have and not one.specifier.contains(have, prereleases=True):
                note = f"{have} is installed, {one.specifier} is required"
                part = part._replace(state="broken", note=note, cure=f'pip install --upgrade "{name}"')
            yield part


def package_part(package: str, purpose: str, cure: str, *, core: bool = False) -> Part:
    """A package: its version where it can be imported."""
    module = MODULES.get(package, package.replace("-", "_"))
    if util.find_spec(module) is None:
        return Part(package, "broken" if core else "absent", purpose, cure, core)
    try:
        import_module(module)
    except Exception as error:  # a package may fail in any way while it is imported
        lacking = next((name for name in ("libgomp", "libGL", "libcuda") if name in str(error)), "")
        mend = "sudo apt-get install libgomp1" if lacking == "libgomp" else f"pip install --force-reinstall {package}"
        return Part(package, "broken", f"cannot be imported ({_brief(error)})", mend, core)
    return Part(package, "ok", _version(package) or "of unknown version", core=core)


def boosters() -> Iterator[Part]:
    """XGBoost and what it was built for; the devices of LightGBM."""
    from medrec.recommenders.device import check_lightgbm_device, cuda_devices

    part = package_part("xgboost", "boosting by XGBoost, on CPU or GPU", 'pip install "medrec[xgboost]"')
    if part.state == "ok":
        has_cuda = import_module("xgboost").build_info().get("USE_CUDA")
        version = next((one for one in map(_version, ("xgboost", "xgboost-cpu")) if one), "")
        part = part._replace(note=f"{version}, built {'with' if has_cuda else 'without'} CUDA")
        if not has_cuda and cuda_devices():
            part = part._replace(
                state="absent", note=f"{part.note}, and there is a GPU", cure='pip install "medrec[gpu]"'
            )
    yield part
    cures = {
        "opencl": "sudo apt-get install pocl-opencl-icd, or your GPU's OpenCL driver",
        "cuda": "pip install --no-binary lightgbm lightgbm --config-settings=cmake.define.USE_CUDA=ON",
    }
    for device, cure in cures.items():
        name = f"lightgbm device={device}"
        if device == "cuda" and not cuda_devices():
            yield Part(name, "absent", "no NVIDIA GPU", "use device='cpu', which is the default")
            continue
        try:
            check_lightgbm_device(device)
        except Exception as error:  # the probe is a process of its own, which may end in any way
            yield Part(name, "absent", _brief(error, "LightGBMBase: "), cure)
        else:
            yield Part(name, "ok", "trained a tree")


def gpu() -> Iterator[Part]:
    """The driver, CuPy, and the compiler of its kernels."""
    from medrec.recommenders.device import cuda_devices

    devices = cuda_devices()
    if devices:
        yield Part("NVIDIA driver", "ok", f"{devices} GPU{'s' if devices > 1 else ''}: {_gpu_names()}")
    else:
        missing = "a driver without a GPU" if shutil.which("nvidia-smi") else "no NVIDIA driver"
        yield Part(
            "NVIDIA driver", "absent", f"{missing}; everything runs on the CPU", "install the driver of your GPU"
        )
    part = package_part("cupy", "metrics on a GPU", 'pip install "medrec[gpu]"')
    if part.state == "ok":
        cupy = import_module("cupy")
        part = part._replace(note=f"{cupy.__version__}{'' if devices else ', but there is no GPU'}")
    yield part
    if part.state != "ok":
        yield Part("NVRTC", "absent", "compiles the GPU's kernels; comes with CuPy", 'pip install "medrec[gpu]"')
    else:
        yield _tried("NVRTC", lambda: _compile(bool(devices)), 'pip install "medrec[gpu]"', core=False)


def _compile(has_gpu: bool) -> str:
    cupy = import_module("cupy")
    major, minor = cupy.cuda.nvrtc.getVersion()
    if has_gpu and int((cupy.arange(4) * 2).sum()) != 12:
        raise RuntimeError("a kernel summed 0 + 2 + 4 + 6 wrongly")
    return f"{major}.{minor}"


def _gpu_names() -> str:
    import subprocess

    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "no nvidia-smi to name them"
    try:
        asked = subprocess.run(
            [tool, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):  # a tool without its driver
        return "nvidia-smi does not answer"
    return ", ".join(asked.stdout.split("\n")).strip(", ")


# -------------------------------------------------------------------------------------------------- what must work


def _segments() -> str:
    from medrec.features.tokens import segment

    if segment("发热三天") != ["发热", "三天"]:
        raise RuntimeError("jieba's dictionary is another or damaged: it cuts a sentence in other places")
    return "jieba's dictionary"


def _round_trip() -> str:
    import numpy as np

    import medrec

    X, Y = np.eye(4)[[0, 1, 2, 3] * 5], np.array([[1, 0], [1, 1], [0, 1], [0, 1]] * 5)
    model = medrec.BinaryRelevanceRecommender().fit(X, Y)
    with tempfile.TemporaryDirectory() as folder:
        medrec.save(model, Path(folder) / "model")
        if not np.array_equal(medrec.load(Path(folder) / "model").predict_proba(X), model.predict_proba(X)):
            raise RuntimeError("a model did not come back as it was")
    return "written and read"


def _filters() -> str:
    from medrec.safety import DDIFilter, DDIGraph

    graph = DDIGraph.from_edges(["a", "b", "c"], [("a", "b")])
    safe, _ = DDIFilter(graph).apply([[1, 1, 1]], [[0.9, 0.8, 0.7]])
    if safe.toarray().tolist() != [[1, 0, 1]]:
        raise RuntimeError("kept an interacting pair")
    return "compiled and exact"


def _boosts() -> str:
    import numpy as np

    from medrec.recommenders import LightGBMBase

    X = np.repeat([[0.0, 1.0], [1.0, 0.0]], 20, axis=0)
    scores = LightGBMBase(n_estimators=2).fit_labels(X, X[:, :1]).decision_function(X)
    if not (scores[20:] > scores[:20]).all():
        raise RuntimeError("LightGBM learned nothing from a column that is the label")
    return "LightGBM on the CPU"


REINSTALL = "pip install --force-reinstall medrec"
WORKS: tuple[tuple[str, Callable[[], str], str], ...] = (
    ("segmentation", _segments, "pip install --force-reinstall jieba"),
    ("model files", _round_trip, REINSTALL),
    ("interaction filter", _filters, REINSTALL),
    ("boosting", _boosts, "pip install --force-reinstall lightgbm"),
)
"""What medrec does everywhere."""


def _tried(name: str, works: Callable[[], str], cure: str, *, core: bool = True) -> Part:
    try:
        return Part(name, "ok", works(), core=core)
    except Exception as error:  # whatever is broken is what doctor is to say
        return Part(name, "broken", f"{type(error).__name__}: {_brief(error)}", cure, core)


# --------------------------------------------------------------------------------------------------------- the place


def fonts() -> Part:
    """A font with Chinese characters, for pictures of one's own."""
    name, cure = "Chinese fonts", "sudo apt-get install fonts-noto-cjk"
    try:
        from matplotlib import font_manager

        there = {font.name for font in font_manager.fontManager.ttflist}
    except Exception as error:
        return Part(name, "absent", f"matplotlib does not say ({_brief(error)})", cure)
    found = sorted(font for font in there if font.startswith(CHINESE) or font in ("SimHei", "SimSun", "Heiti SC"))
    if found:
        return Part(name, "ok", found[0])
    return Part(name, "absent", "reports use the reader's fonts, but pictures that you save would have boxes", cure)


def compiled_code() -> Part:
    """Where numba keeps what it compiled, without which every process compiles anew."""
    name = "compiled code"
    try:
        from medrec.kernels.conflicts import count_conflicts

        folder = str(count_conflicts.stats.cache_path)
    except Exception as error:
        return Part(name, "broken", _brief(error), "export NUMBA_CACHE_DIR=~/.cache/numba", True)
    place = Path(folder)
    while not place.exists() and place != place.parent:
        place = place.parent
    if not os.access(place, os.W_OK):
        return Part(name, "broken", f"{folder} cannot be written", "export NUMBA_CACHE_DIR=~/.cache/numba")
    return Part(name, "ok", f"kept in {folder}")


def temporary_files() -> Part:
    """The folder of temporary files, and the room there and here."""
    try:
        folder = tempfile.gettempdir()
        free = min(shutil.disk_usage(place).free for place in (folder, Path.cwd()))
    except OSError as error:
        return Part("disk", "broken", _brief(error), "export TMPDIR=FOLDER, where you may write", True)
    note = f"{free / GIB:.1f} GiB free here and in {folder}"
    if free < GIB / 10:
        return Part("disk", "broken", note, "export TMPDIR=FOLDER, where there is room", True)
    return Part("disk", "ok", note)


def memory() -> Part:
    """Memory that is free, of all that there is."""
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        total, free = page * os.sysconf("SC_PHYS_PAGES"), page * os.sysconf("SC_AVPHYS_PAGES")
        listed = Path("/proc/meminfo")
        rows = listed.read_text(encoding="ascii").splitlines() if listed.exists() else []
        free = next((int(row.split()[1]) * 1024 for row in rows if row.startswith("MemAvailable")), free)
    except (AttributeError, OSError, ValueError):
        return Part("memory", "ok", "this system does not say how much")
    note = f"{free / GIB:.1f} of {total / GIB:.1f} GiB free"
    if free < GIB / 2:
        return Part("memory", "broken", note, "end other programs, or --set features__max_features=20000 and --jobs 1")
    return Part("memory", "ok", note)


def threads() -> Part:
    """Cores, and what the environment makes of them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = {name: os.environ[name] for name in THREADS if os.environ.get(name)}
    wrong = [name for name, value in given.items() if not (value.isascii() and value.isdigit() and int(value))]
    note = f"{cores} of {os.cpu_count()} cores" + "".join(f", {name}={value:.20}" for name, value in given.items())
    if wrong:
        return Part("threads", "broken", note, f"unset {' '.join(wrong)}")
    return Part("threads", "ok", note)


def output() -> Part:
    """Whether names of drugs can be printed."""
    encoding = str(getattr(sys.stdout, "encoding", None) or "utf-8")
    if encoding.lower().replace("-", "").replace("_", "") == "utf8":
        return Part("printed text", "ok", "UTF-8")
    return Part("printed text", "broken", f"{encoding} cannot print Chinese", "export PYTHONUTF8=1")


def data() -> Part:
    """The folder of real data, and what is in it."""
    cure = 'export MEDREC_DATA=FOLDER; medrec data fetch dialmed --out "$MEDREC_DATA"'
    where = os.environ.get("MEDREC_DATA")
    if not where:
        return Part("MEDREC_DATA", "absent", "real data, for its tests and benchmarks only", cure)
    try:
        sets = sorted(path for path in Path(where).iterdir() if path.is_dir())
        sizes = {one.name: sum(file.stat().st_size for file in one.rglob("*") if file.is_file()) for one in sets}
    except OSError as error:
        return Part("MEDREC_DATA", "broken", f"{where}: {error.strerror}", cure)
    if not sizes:
        return Part("MEDREC_DATA", "absent", f"{where} holds no data sets", cure)
    return Part("MEDREC_DATA", "ok", ", ".join(f"{name} {size / 2**20:.1f} MiB" for name, size in sizes.items()))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _brief(error: Any, prefix: str = "") -> str:
    text = " ".join(str(error).removeprefix(prefix).split())
    return text if len(text) < 200 else f"{text[:200]} …"
