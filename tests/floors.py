"""Pytest plugin of whole runs: fails the run where the modules that must be covered in every branch are not.

Loaded by `make test` only, together with `--cov`; a narrowed run proves nothing about coverage.
"""

import io

import coverage
import pytest

_PROOF = [
    "trunks/audit_chain.py",
    "trunks/audit_export.py",
    "trunks/seals.py",
    "trunks/receivers.py",
    "trunks/ocsf.py",
    "trunks/archives.py",
    "trunks/audit_archive.py",
    "trunks/audit_quick.py",
]
_COMPLETE = ["trunks/zoom/*", "trunks/workflow/*", "trunks/audit.py", *_PROOF, "trunks/numbers.py"]
# What only the loser of a race reaches is met by one run and not by the next; ten branches in ten thousand are let go.
LEAST = 99.9
_report = pytest.StashKey[str]()


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> object:
    """Judge before the terminal writes its summary; pytest-cov has put the numbers of all processes together."""
    if not hasattr(session.config, "workerinput") and not session.testsfailed:
        share, table = _measure()
        if share < LEAST:
            session.config.stash[_report] = table
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return (yield)


def _measure() -> tuple[float, str]:
    """Return the share in percent and a table of what is not covered."""
    measured = coverage.Coverage()
    measured.load()
    table = io.StringIO()
    share = measured.report(include=_COMPLETE, file=table, show_missing=True, skip_covered=True)
    return share, table.getvalue()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if _report in config.stash:
        terminalreporter.section("not every branch is covered, and here it must be", red=True)
        terminalreporter.write(config.stash[_report])
