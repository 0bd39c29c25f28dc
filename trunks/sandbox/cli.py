"""The command line, shared by `manage.py zoom_sandbox` and `python -m trunks.sandbox`."""

import argparse
import json
import logging
import signal
import sys
import textwrap
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trunks.sandbox import faults, switches
from trunks.sandbox.estate import big_estate, demo_estate, empty_estate
from trunks.sandbox.records import Estate
from trunks.sandbox.server import Sandbox

DESCRIPTION = "Run a stand-in for Zoom's SIP trunk API on 127.0.0.1, for the demo, tests and training."
DEFAULT_PORT = 8090
# The last line of the greeting; whoever starts the sandbox may wait for it.
READY = "Ready. Ctrl-C stops it."
MOST_SUB_ACCOUNTS = 100_000


def epilog() -> str:
    """Return what the help ends with: every switch with its values, and every kind of fault."""
    values = {name: "|".join(choices) for name, choices in switches.CHOICES.items()} | {
        "list_delay": "SECONDS"
    }
    behaviours = [f"  {f'{name}={values[name]}':<38} {about}" for name, about in switches.ABOUT.items()]
    kinds = [
        f"  {kind:<14} {about}; apply: {', '.join(faults.APPLY[kind] or ('never',))}"
        for kind, about in faults.ABOUT.items()
    ]
    return "\n".join(
        [
            "switches, for what Zoom leaves undocumented (the first value is the default; list_delay's is 0):",
            *behaviours,
            "",
            'faults, by "kind" ("apply" says whether and when the call takes effect; its first value is the default):',
            *kinds,
            textwrap.fill(f"  beside it: {', '.join(faults.KEYS)}", 100, subsequent_indent="    "),
        ]
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options."""
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="0 takes a free one; default %(default)s"
    )
    parser.add_argument("--state", type=Path, help="keep the state in this file, and start from it")
    parser.add_argument(
        "--switch",
        action="append",
        default=[],
        type=parse_switch,
        metavar="NAME=VALUE",
        help="how the sandbox behaves where Zoom's texts say nothing: see below; may be repeated",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        type=parse_fault,
        metavar="JSON",
        help='e.g. {"kind": "drop", "method": "POST", "nth": 2, "apply": "before"}: see below; may be repeated',
    )
    parser.add_argument("--estate", type=parse_estate, default="demo", help="demo, empty or big:NUMBER")
    parser.add_argument("--seed", type=int, default=0, help="for faults with a probability, and for jitter")
    parser.add_argument("--no-rate-limits", action="store_true", help="never answer 429 by itself")


def parse_switch(text: str) -> tuple[str, str]:
    """Return name and value."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def parse_fault(text: str) -> faults.Fault:
    """Return the fault a JSON object describes."""
    try:
        given = json.loads(text)
        if not isinstance(given, dict):
            raise ValueError("not a JSON object")
        return faults.build(given)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def parse_estate(text: str) -> Estate:
    """Return the estate a name stands for."""
    name, _, size = text.partition(":")
    if text == "demo":
        return demo_estate()
    if text == "empty":
        return empty_estate()
    if name == "big" and size.isdecimal() and 1 <= int(size) <= MOST_SUB_ACCOUNTS:
        return big_estate(int(size))
    raise argparse.ArgumentTypeError(f"{text!r} is not demo, empty or big:1 to big:{MOST_SUB_ACCOUNTS}")


def run(options: Mapping[str, Any]) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code, 1 with the reason when the start failed."""
    _log_to_stdout()
    try:
        sandbox = Sandbox(
            options["estate"],
            dict(options["switch"]),
            options["state"],
            options["seed"],
            options["port"],
            not options["no_rate_limits"],
        )
        sandbox.start()
    except (ValueError, OSError, OverflowError) as error:
        sys.stderr.write(f"The sandbox cannot start: {error}\n")
        return 1
    for fault in options["fault"]:
        sandbox.faults.add(fault)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    _say(greeting(sandbox))
    stopped.wait()
    sandbox.stop()
    _say("The sandbox has stopped.")
    return 0


def greeting(sandbox: Sandbox) -> str:
    """Return what is printed at the start: what this is, where it is, who may call."""
    lines = [
        f"Zoom sandbox (not Zoom) on {sandbox.url}",
        f"ZOOM_API_URL={sandbox.api_url}",
        f"ZOOM_OAUTH_URL={sandbox.oauth_url}",
        "Credentials, valid here only:",
    ]
    for known in sandbox.demo_credentials:
        lines += [
            f"  {known.name}: {known.note}",
            f"    account id {known.account_id}  client id {known.client_id}  secret {known.client_secret}",
        ]
    return "\n".join([*lines, READY])


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _log_to_stdout() -> None:
    logger = logging.getLogger("trunks.sandbox")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [logging.StreamHandler(sys.stdout)]


def main(arguments: list[str]) -> int:
    """Run with the given command-line arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m trunks.sandbox",
        description=DESCRIPTION,
        epilog=epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_arguments(parser)
    return run(vars(parser.parse_args(arguments)))
