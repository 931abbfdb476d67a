#!/usr/bin/env bash
# Everything to be seen on a machine with a GPU, within 9 minutes: the self-test in f32 and TF32, speeds beside PyTorch's,
# and a cell of CovType at the paper's scale, for as many epochs as fit.
#
#   scripts/gpu-check.sh [FOLDER]       writes what it prints into FOLDER (gpu-check)
#
# REPRO_BINARY          the program, built with the feature cuda (target/release/repro; built if it is not there)
# REPRO_BENCH_PYTHON    a Python with PyTorch for CUDA (python3); without one the ratios are left out
# REPRO_DATA            the folder that holds covtype, for the cell; without it the embedded part stands in, and says so
# REPRO_CHECK_SECONDS   seconds for everything (540)
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-gpu-check}
limit=${REPRO_CHECK_SECONDS:-540}
python=${REPRO_BENCH_PYTHON:-python3}
repro=${REPRO_BINARY:-target/release/repro}
mkdir -p "$out"
exec > >(tee "$out/log.txt") 2>&1

if [[ ! -x $repro ]]; then
    cargo build --release --locked --features cuda || exit 2
fi

# Seconds left of those that the whole check has.
left() { echo $((limit - SECONDS)); }
failed=0
# step NAME SECONDS COMMAND...: runs it for so long at most, keeps what it says, and goes on whatever comes of it.
step() {
    local name=$1 most=$2
    shift 2
    ((most > $(left))) && most=$(left)
    printf '\n== %s (at %d s): %s\n' "$name" "$SECONDS" "$*"
    if ((most < 5)); then
        echo "left out: no time"
        return
    fi
    timeout --signal=INT --kill-after=20 "$most" "$@" >"$out/$name.txt" 2>"$out/$name.err"
    local code=$?
    tail -n 60 "$out/$name.txt"
    tail -n 20 "$out/$name.err"
    # A run that is stopped by its time has a checkpoint: 130, and 124 from timeout.
    if ((code != 0)); then
        echo "$name ended with $code"
        [[ $name == cell && ($code == 124 || $code == 130) ]] || failed=1
    fi
}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || echo "nvidia-smi is not there"
"$repro" --version

step selftest-f32 90 "$repro" selftest --device cuda:0
step selftest-tf32 60 "$repro" selftest --device cuda:0 --precision tf32
step bench-f32 75 "$repro" bench --device cuda:0 --json
step bench-tf32 75 "$repro" bench --device cuda:0 --precision tf32 --json
if "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    step pytorch 130 "$python" benches/gpu_step.py 2
    step ratios 10 "$python" benches/gpu_ratios.py "$out/bench-f32.txt" "$out/bench-tf32.txt" "$out/pytorch.txt"
else
    echo "no ratios: $python has no PyTorch for CUDA (REPRO_BENCH_PYTHON)"
fi

# One whole trial of N-pair with i-Mix on CovType, 500 epochs; what does not fit is said in the log's last line of progress.
scale=paper
# Read whole before it is searched: a pipe that is closed early would count as a failure.
status=$("$repro" data status covtype)
grep -q "^covtype *full .* ok" <<<"$status" || scale=demo
echo "the cell runs at $scale scale"
step cell "$(($(left) - 10))" "$repro" run table1 --scale "$scale" --only dataset=covtype,method=npair,imix=on --trials 1 \
    --device cuda:0 --results "$out/results" --reports "$out/reports"
find "$out/results" -name provenance.json -exec cat {} + >"$out/provenance.txt" 2>/dev/null
find "$out/results" -name metrics.jsonl -exec tail -n 2 {} + >"$out/metrics.txt" 2>/dev/null
tail -n 20 "$out/metrics.txt"
rm -rf "$out/results"

printf '\n%d s; ' "$SECONDS"
((failed)) && echo "something failed: see above" || echo "nothing failed"
exit "$failed"
