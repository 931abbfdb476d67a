#!/usr/bin/env bash
# Writes the reports under reports/reference anew: the demo scale of every experiment, and Table 1's CovType row at short
# scale. Half an hour on 2 cores. CovType is looked for as `repro data status` shows it; `repro data fetch covtype` gets it.
# RESULTS names the folder of results, seen from the repository (results). What is done there is not done again.
set -euo pipefail
cd "$(dirname "$0")/.."
results=${RESULTS:-results}

# The commit in each report's provenance is that of the build: changes that are not committed would show as -dirty.
cargo build --release --locked
run() {
  # 3: every trial was done already.
  target/release/repro run "$@" --results "$results" || [ $? = 3 ]
}
run all --reports reports/reference/demo
run table1 --scale short --only dataset=covtype --trials 3 --reports reports/reference/covtype
