#!/usr/bin/env bash
# Everything that needs an NVIDIA GPU, in one command. Results go to ${OUT:-gpu-results}: versions, the tests marked gpu,
# those of the kernels under compute-sanitizer where it is installed, and the JSON of the benchmarks that use the GPU.
#   pip install ".[test,gpu]" && pip uninstall -y xgboost-cpu && pip install --force-reinstall --no-deps xgboost
#   bash benchmarks/run_gpu.sh [doctor tests sanitizer metrics example recommenders]
# Without names of parts all run. (xgboost-cpu, which the tests bring, lies in the same folder as xgboost; the one
# installed last would win.)
set -uo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-gpu-results}
mkdir -p "$out"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
failed=()

# part NAME COMMAND...: runs it where it is asked for, its output also in $out/NAME.txt.
all="doctor tests sanitizer metrics example recommenders"
parts=" ${*:-$all} "
for name in $parts; do
    [[ " $all " == *" $name "* ]] || { echo "no part $name; there are: $all" >&2 && exit 2; }
done
part() {
    [[ $parts == *" $1 "* ]] || return 0
    echo "== $1"
    SECONDS=0
    "${@:2}" 2>&1 | tee "$out/$1.txt" || failed+=("$1")
    echo "== $1: $SECONDS s"
}

sanitizer() {
    command -v compute-sanitizer >/dev/null || { echo "compute-sanitizer is not installed: left out" && return 0; }
    # Without CuPy's pool every array is an allocation of its own, so that reads and writes beside it are seen.
    local run='import sys, cupy, pytest; cupy.cuda.set_allocator(None); sys.exit(pytest.main(sys.argv[1:]))'
    local status=0
    compute-sanitizer --tool memcheck --error-exitcode 9 \
        python3 -c "$run" -n 0 -q -m gpu tests/kernels tests/metrics/test_cupy.py || status=1
    # Our kernels alone: CuPy's nonzero, which the metrics call for dense sets, is reported for races of its own.
    compute-sanitizer --tool racecheck --error-exitcode 9 python3 -c "$run" -n 0 -q -m gpu tests/kernels || status=1
    return $status
}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv | tee "$out/gpu.csv" || {
    echo "no NVIDIA GPU here: nothing was run" >&2
    exit 1
}
python3 -c 'from medrec._io import library_versions; print(library_versions())' | tee "$out/versions.txt"
part doctor python3 -m medrec doctor
part tests python3 -m pytest -n 0 -q -m gpu -rs $(grep -rl --include='*.py' 'mark\.gpu' tests)
part sanitizer sanitizer
part metrics python3 benchmarks/bench_metrics_gpu.py --out "$out"
part example python3 examples/05_gpu_metrics.py
part recommenders python3 benchmarks/bench_recommenders.py --part gpu --jobs "$(nproc)" --out "$out"
[[ ${#failed[@]} -eq 0 ]] || { echo "failed: ${failed[*]}" >&2 && exit 1; }
