"""`make bench-audit`: all that is to be shown of the audit trail, over the same events, each figure beside its goal.

Each part can be asked for alone, by `--parts` or as `python -m tests.bench audit_read`; what is there is used.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import audit_export, audit_read, audit_verify, audit_write
from tests.bench.standing import say

# Writing comes last: it adds to the events that the others count on.
PARTS = {
    "read": ("Pages", audit_read.main),
    "verify": ("Verification", audit_verify.main),
    "export": ("Export", audit_export.main),
    "write": ("Writes", audit_write.main),
}


def main(folder: Path, arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="What the parts take: --events 100000 1000000, --pages 500, --others-pages 40 (0 leaves the others out),"
        " --seed 1, --turns 3, --writers 1 8 16, --seconds 4, --rounds 3.",
    )
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    options, others = parser.parse_known_args(arguments)
    for name in options.parts:
        title, part = PARTS[name]
        begun = time.monotonic()
        say(f"{title}:")
        part(folder, others)
        say(f"  ({title.lower()} took {time.monotonic() - begun:.0f} s)")
