"""Sets what `repro bench --json` measured beside what gpu_step.py did. Arguments: bench files, then PyTorch's file."""

import json
import sys

*ours, theirs = sys.argv[1:]
rows = [json.loads(line) for line in open(theirs) if line.startswith("{")]
for path in ours:
    measured = json.load(open(path))
    for speed in measured["networks"]:
        for row in rows:
            same = row["network"] == speed["network"] and row["batch"] == speed["batch"]
            if same:
                ratio = speed["items_per_second"] / row["items_per_second"]
                print(
                    f"{speed['network']}, batch {speed['batch']}: repro {measured['precision']} "
                    f"{speed['items_per_second']:.0f} items/s, PyTorch {row['mode']} {row['precision']} "
                    f"{row['items_per_second']:.0f} items/s, ratio {ratio:.2f}"
                )
