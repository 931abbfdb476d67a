#!/usr/bin/env bash
# Everything to be seen on a machine with a GPU, within 9 minutes: the self-test in each precision, speeds beside PyTorch's,
# and a cell of CovType at the paper's scale, in bf16 and in f32, for as many epochs as fit.
#
#   scripts/gpu-check.sh [FOLDER]       writes what it prints into FOLDER (gpu-check)
#
# REPRO_BINARY          the program, built with the feature cuda (target/release/repro; built if it is not there)
# REPRO_BENCH_PYTHON    a Python with PyTorch for CUDA (python3); without one the ratios are left out
# REPRO_DATA            the folder that holds covtype, for the cell; without it the embedded part stands in, and says so
# REPRO_CHECK_SECONDS   seconds for everything (540)
# REPRO_CHECK_DEVICE    the device (cuda:0); with cpu, which computes in f32 only, this script itself can be tried out
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-gpu-check}
limit=${REPRO_CHECK_SECONDS:-540}
device=${REPRO_CHECK_DEVICE:-cuda:0}
precisions=(f32 tf32 bf16)
quick=()
[[ $device == cpu ]] && precisions=(f32) quick=(--quick)
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
        [[ $name == cell-* && ($code == 124 || $code == 130) ]] || failed=1
    fi
}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null || echo "nvidia-smi is not there"
"$repro" --version

for precision in "${precisions[@]}"; do
    step "selftest-$precision" 45 "$repro" selftest --device "$device" --precision "$precision"
done
for precision in "${precisions[@]}"; do
    step "bench-$precision" 60 "$repro" bench --device "$device" --precision "$precision" "${quick[@]}" --json
done
if "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    step pytorch 150 "$python" benches/gpu_step.py 2
    measured=("${precisions[@]/#/$out/bench-}")
    step ratios 10 "$python" benches/gpu_ratios.py "${measured[@]/%/.txt}" "$out/pytorch.txt"
else
    echo "no ratios: $python has no PyTorch for CUDA (REPRO_BENCH_PYTHON)"
fi

# One whole trial of N-pair with i-Mix on CovType, 500 epochs; what does not fit is said in the log's last line of progress.
only=dataset=covtype,method=npair,imix=on
scale=paper
# Read whole before it is searched: a pipe that is closed early would count as a failure.
status=$("$repro" data status covtype)
grep -q "^covtype *full .* ok" <<<"$status" || scale=demo
echo "the cell runs at $scale scale"
# cell PRECISION SECONDS: that trial, in an experiment of its own.
cell() {
    rm -f "$out/covtype-$1.json"
    "$repro" new "covtype-$1" --from table1 --only "$only" --precision "$1" --output "$out/covtype-$1.json" --quiet
    step "cell-$1" "$2" "$repro" run "$out/covtype-$1.json" --scale "$scale" --trials 1 --device "$device" \
        --results "$out/results" --reports "$out/reports"
}
[[ $device == cpu ]] || cell bf16 "$((($(left) - 10) / 2))"
cell f32 "$(($(left) - 10))"
find "$out/results" -name provenance.json -exec cat {} + >"$out/provenance.txt" 2>/dev/null
find "$out/results" -name metrics.jsonl -exec tail -n 2 {} + >"$out/metrics.txt" 2>/dev/null
tail -n 20 "$out/metrics.txt"
rm -rf "$out/results"

printf '\n%d s; ' "$SECONDS"
((failed)) && echo "something failed: see above" || echo "nothing failed"
exit "$failed"
