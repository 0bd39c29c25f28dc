"""`python -m tests.bench budget`, `latency`, `audit` …: set up first, because importing models needs settings."""

import sys
from pkgutil import resolve_name

from tests.bench import goals
from tests.bench.standing import introduce, pace, say, stand

folder = stand()
introduce()
resolve_name(f"tests.bench.{sys.argv[1]}:main")(folder, sys.argv[2:])
goals.summary()
say(f"At the end: {pace()}.")
