#!/usr/bin/env bash
# Fuzzes the parsers of every file that the program reads, from the fixtures of the tests on.
#
#   fuzz/run.sh [TARGET [SECONDS]]     all targets for 60 seconds each, if not given
#
# Needs a nightly toolchain and cargo-fuzz (cargo install cargo-fuzz). What a target finds lies in fuzz/artifacts/TARGET: mend
# it and keep the input in fuzz/regressions/TARGET, where the tests replay it.
set -euo pipefail
cd "$(dirname "$0")/.."

fixtures=tests/fixtures
seeds() {
    case $1 in
    cifar_binary) ls $fixtures/cifar_layouts/*.bin ;;
    cifar_python) ls $fixtures/cifar_layouts/* | grep -v -e '\.bin$' -e '\.parquet$' ;;
    cifar_parquet) ls $fixtures/cifar_layouts/*.parquet ;;
    picture) ls $fixtures/pictures/* ;;
    recording) ls $fixtures/recordings/*.wav ;;
    covtype) ls fuzz/seeds/covtype/* ;;
    encoder_file) ls $fixtures/encoder*.pth $fixtures/encoder.safetensors ;;
    experiment_file) ls experiments/*.json ;;
    *) echo "run.sh: no target '$1'" >&2 && exit 2 ;;
    esac
    if [[ -d fuzz/regressions/$1 ]]; then ls fuzz/regressions/"$1"/*; fi
}

for target in ${1:-cifar_binary cifar_python cifar_parquet picture recording covtype encoder_file experiment_file}; do
    mkdir -p "fuzz/corpus/$target"
    seeds "$target" | xargs cp -t "fuzz/corpus/$target"
    cargo +nightly fuzz run "$target" -- -max_total_time="${2:-60}" -rss_limit_mb=4096 -max_len=300000 -timeout=10
done
