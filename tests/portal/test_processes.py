"""The tests' own helper tells why a process is not ready, and leaves nobody."""

import signal
import sys
from pathlib import Path

import pytest

from tests import processes
from tests.processes import NotReadyError, is_running


def test_a_process_that_ends_early_is_reported_with_its_log(tmp_path: Path) -> None:
    process = processes.start(
        [sys.executable, "-c", "print('why'); raise SystemExit(4)"], log=tmp_path / "log"
    )
    with pytest.raises(NotReadyError, match=r"(?s)ended with 4 before 'ready'.*why"):
        process.wait_for_line("ready")


def test_a_process_that_is_slow_is_reported_with_its_log(tmp_path: Path) -> None:
    code = "import time; print('still', flush=True); time.sleep(60)"
    with processes.start([sys.executable, "-c", code], log=tmp_path / "log") as process:
        process.wait_for_line("still")
        with pytest.raises(NotReadyError, match=r"(?s)not within 0\.05 s: 'ready'.*still"):
            process.wait_for_line("ready", seconds=0.05)
    assert not is_running(process.pid)


def test_a_process_that_will_not_end_is_killed(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    process = processes.start([sys.executable, "-c", code], log=tmp_path / "log").wait_for_line("1")
    assert process.stop(seconds=0.05) == -signal.SIGKILL
