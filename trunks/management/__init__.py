"""The command line of the portal."""

import getpass
import os


def whose() -> str:
    """Return who runs a command, for the audit trail; the number of an account that has no name, as in a container."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # the latter from Python 3.13 on
        name = f"user id {os.getuid()}"
    return f"command line, {name}"
