#!/usr/bin/env bash
# Everything that needs an NVIDIA GPU, in one command. Results go to ${OUT:-gpu-results}: versions, the tests marked gpu,
# the same under compute-sanitizer where it is installed, and the JSON of the benchmarks that use the GPU.
#   pip install ".[test,gpu]" && pip uninstall -y xgboost-cpu && pip install --force-reinstall --no-deps xgboost
#   bash benchmarks/run_gpu.sh
# (xgboost-cpu, which the tests bring, lies in the same folder as xgboost; the one installed last would win.)
set -uo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-gpu-results}
mkdir -p "$out"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
failed=0
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv | tee "$out/gpu.csv" || {
    echo "no NVIDIA GPU here: nothing was run" >&2
    exit 1
}
python3 -c 'from medrec._io import library_versions; print(library_versions())' | tee "$out/versions.txt"
python3 -m pytest -q -m gpu -rs tests 2>&1 | tee "$out/pytest.txt" || failed=1
if command -v compute-sanitizer >/dev/null; then
    compute-sanitizer --error-exitcode 9 python3 -m pytest -q -m gpu tests/kernels tests/metrics 2>&1 | tee "$out/sanitizer.txt" || failed=1
else
    echo "compute-sanitizer is not installed: left out" | tee "$out/sanitizer.txt"
fi
python3 benchmarks/bench_metrics_gpu.py --out "$out" 2>&1 | tee "$out/metrics.txt" || failed=1
python3 benchmarks/bench_recommenders.py --part gpu --jobs "$(nproc)" --out "$out" 2>&1 | tee "$out/recommenders.txt" || failed=1
exit $failed
