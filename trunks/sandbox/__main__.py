"""`python -m trunks.sandbox`: the sandbox without Django."""

import sys

from trunks.sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
