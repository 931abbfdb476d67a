#!/usr/bin/env bash
# Compares this program with PyTorch or librosa on the same threads, in one run, in turn.
#
#   benches/compare.sh          lists what can be compared
#   benches/compare.sh NAME     measures NAME; the last line is "ratio X.XX", ours over theirs in work a second
#
# REPRO_BENCH_PYTHON   a Python with torch, torchvision, librosa and numpy; else a virtual environment is made in the user's cache
# REPRO_BENCH_THREADS  threads of each side (2)
# REPRO_BENCH_ROUNDS   rounds; each side's median counts (5)
set -euo pipefail
cd "$(dirname "$0")/.."

# As the workers of a run have it.
export CANDLE_NUM_THREADS=1
threads=${REPRO_BENCH_THREADS:-2}
rounds=${REPRO_BENCH_ROUNDS:-5}

list() {
    cat <<'END'
mlp-step      training step of the CovType MLP: N-pair with i-Mix, batch 512, both views (samples/s)
resnet18-step, resnet50-step
              training step with the CIFAR stem, 32 x 32 pictures, batch 64 (pictures/s)
resnet18-quarter-step
              the same at a quarter of the width, batch 256
linear-eval   linear evaluation at 7 rates, batch 512 (rows/s): against one wide layer, then against 7 runs in turn
views         views of 32x32 pictures as for CIFAR: crop, jitter, greyscale, flip, normalised (views/s)
mel           log-mel pictures of one-second clips on one thread (clips/s)
speech-views  views of one-second clips: every change of waveform and spectrum, and noise (views/s)
END
}

# What each side runs: arguments of ours, then one line for each opponent, its label and its arguments. The last
# opponent gives the last line.
case ${1:-} in
"")
    list
    exit 0
    ;;
mlp-step)
    bench=mlp_step
    ours=("$threads" 64 4)
    opponents=("PyTorch|$threads 64 4")
    ;;
resnet18-step)
    bench=resnet_step
    ours=("$threads" 18 64 64 5)
    opponents=("PyTorch, channels last|$threads 18 64 64 5")
    ;;
resnet18-quarter-step)
    bench=resnet_step
    ours=("$threads" 18 16 256 5)
    opponents=("PyTorch, channels last|$threads 18 16 256 5")
    ;;
resnet50-step)
    bench=resnet_step
    ours=("$threads" 50 64 64 2)
    opponents=("PyTorch, channels last|$threads 50 64 64 2")
    ;;
linear-eval)
    bench=linear_eval
    ours=("$threads" 5)
    opponents=("PyTorch, one wide layer|$threads 2 wide" "PyTorch, 7 runs in turn|$threads 1 separate")
    ;;
views)
    bench=views
    ours=("$threads" 400)
    opponents=("torchvision|$threads 24")
    ;;
mel)
    bench=mel
    ours=(1 10)
    opponents=("librosa|1 1500")
    ;;
speech-views)
    bench=speech_views
    ours=("$threads" 40)
    opponents=("librosa|$threads 3")
    ;;
*)
    echo "compare.sh: unknown measurement '$1'; there are:" >&2
    list >&2
    exit 2
    ;;
esac

python=${REPRO_BENCH_PYTHON:-}
if [[ -z $python ]]; then
    environment=${XDG_CACHE_HOME:-$HOME/.cache}/imix-repro/bench-venv
    python=$environment/bin/python
    # The mark comes last, so that an interrupted installation is made anew.
    if [[ ! -e $environment/complete-librosa ]]; then
        echo "making $environment" >&2
        python3 -m venv --clear "$environment"
        "$python" -m pip install --quiet torch torchvision librosa numpy >&2
        touch "$environment/complete-librosa"
    fi
fi

executable=$(
    cargo build --release --quiet --bench "$bench" --message-format json |
        "$python" -c 'import json, sys; print([m["executable"] for m in map(json.loads, sys.stdin) if m.get("executable")][-1])'
)

rate() { "$@" | "$python" -c 'import json, sys; print(json.loads(sys.stdin.readlines()[-1])["samples_per_second"])'; }
median() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'; }

echo "CPU: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), $threads threads, $rounds rounds"
"$python" -c 'import librosa, torch; print("PyTorch", torch.__version__ + ", librosa", librosa.__version__)'

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
for ((round = 1; round <= rounds; round++)); do
    rate "$executable" "${ours[@]}" >>"$results/ours"
    printf 'round %d: ours %.1f' "$round" "$(tail -n 1 "$results/ours")"
    for index in "${!opponents[@]}"; do
        read -ra arguments <<<"${opponents[index]#*|}"
        rate "$python" "benches/$bench.py" "${arguments[@]}" >>"$results/$index"
        printf ', %s %.1f' "${opponents[index]%%|*}" "$(tail -n 1 "$results/$index")"
    done
    echo
done

median_ours=$(median <"$results/ours")
printf 'ours: median %.1f a second\n' "$median_ours"
for index in "${!opponents[@]}"; do
    median_theirs=$(median <"$results/$index")
    printf '%s: median %.1f a second\n' "${opponents[index]%%|*}" "$median_theirs"
    awk -v ours="$median_ours" -v theirs="$median_theirs" 'BEGIN { printf "ratio %.2f\n", ours / theirs }'
done
