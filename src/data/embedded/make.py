#!/usr/bin/env python3
"""Makes covtype.csv.gz, the part of Forest CoverType that is embedded in the program.

    python3 make.py PATH/TO/covtype.data.gz

Keeps the 15,120 training and validation rows and, of the 565,892 test rows, every 47th from the first. Lines are
copied as they are. The archive carries no time, so that the same input gives the same content on every machine.
"""

import gzip
import hashlib
import pathlib
import sys

PUBLISHED = "0a9371cef7c964b5475d6053cc3e0894a5aa6f65ad1ed3ecb01c45aa96217945"
TRAINING = 15_120
STEP = 47


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    content = gzip.open(sys.argv[1]).read()
    found = hashlib.sha256(content).hexdigest()
    if found != PUBLISHED:
        sys.exit(f"{sys.argv[1]}: its content has SHA-256 {found}, expected {PUBLISHED}")
    lines = content.splitlines(keepends=True)
    kept = b"".join(lines[:TRAINING] + lines[TRAINING::STEP])
    target = pathlib.Path(__file__).with_name("covtype.csv.gz")
    target.write_bytes(gzip.compress(kept, 9, mtime=0))
    print(f"{target.name}: {target.stat().st_size} bytes, content SHA-256 {hashlib.sha256(kept).hexdigest()}")


if __name__ == "__main__":
    main()
