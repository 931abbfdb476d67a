"""Sets what `repro bench --json` measured beside what gpu_step.py did. Arguments: bench files, then PyTorch's file.

A file that is not whole, because its measurement was cut short, is passed over and named. Prints a line for each network,
precision of ours and mode of PyTorch's in the same precision.
"""

import json
import sys


def measured(path):
    """Precision, network, batch and items a second of each speed in a file of `repro bench`."""
    try:
        whole = json.load(open(path))
    except (OSError, ValueError) as error:
        print(f"{path}: left out: {error}", file=sys.stderr)
        return
    for part in whole["precisions"]:
        for speed in part["networks"]:
            yield part["precision"], speed["network"], speed["batch"], speed["items_per_second"]


def main():
    *ours, theirs = sys.argv[1:]
    rows = [json.loads(line) for line in open(theirs) if line.startswith("{")]
    for path in ours:
        for precision, network, batch, rate in measured(path):
            for row in rows:
                if (row["network"], row["batch"], row["precision"]) != (network, batch, precision):
                    continue
                print(
                    f"{network}, batch {batch}, {precision}: repro {rate:.0f} items/s, PyTorch {row['mode']} "
                    f"{row['items_per_second']:.0f} items/s, ratio {rate / row['items_per_second']:.2f}"
                )


main()
