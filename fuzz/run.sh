#!/usr/bin/env bash
# Fuzzes the readers of every file that the program reads, from the seeds and what crashed once on.
#
#   fuzz/run.sh [TARGET [SECONDS]]     all targets for 60 seconds each, if not given
#
# Needs a nightly toolchain and cargo-fuzz (cargo install cargo-fuzz). What a target finds lies in fuzz/artifacts/TARGET: mend
# it and keep the input in fuzz/regressions/TARGET, where the tests replay it.
set -euo pipefail
cd "$(dirname "$0")/.."

fixtures() {
    case $1 in
    cifar_binary) ls tests/fixtures/cifar_layouts/*.bin ;;
    cifar_python) ls tests/fixtures/cifar_layouts/* | grep -v -e '\.bin$' -e '\.parquet$' ;;
    cifar_parquet) ls tests/fixtures/cifar_layouts/*.parquet ;;
    picture) ls tests/fixtures/pictures/* ;;
    recording) ls tests/fixtures/recordings/*.wav ;;
    encoder_file) ls tests/fixtures/encoder*.pth tests/fixtures/encoder.safetensors ;;
    experiment_file) ls experiments/*.json | grep -v schema ;;
    esac
}

for target in ${1:-$(ls fuzz/fuzz_targets | sed 's/\.rs$//')}; do
    [[ -e fuzz/fuzz_targets/$target.rs ]] || { echo "run.sh: no target '$target'" >&2; exit 2; }
    corpus=fuzz/corpus/$target
    mkdir -p "$corpus"
    { fixtures "$target"; find fuzz/seeds fuzz/regressions -type f -path "*/$target/*"; } | xargs cp -t "$corpus"
    cargo +nightly fuzz run "$target" -- -max_total_time="${2:-60}" -rss_limit_mb=4096 -max_len=300000 -timeout=30 -print_funcs=0
done
