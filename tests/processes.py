"""Real child processes for tests: started, waited for, read and stopped, and none of them outlives pytest.

Knows nothing of the portal, so that `tests.servers` can use it before any setting is read.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent(death_signal: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """Return a `preexec_fn` that has the kernel send `death_signal` when the parent's thread ends (Linux)."""
    parent = os.getpid()

    def ask() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it was gone before the kernel knew
            os._exit(1)

    return ask


class NotReadyError(AssertionError):
    """The process ended, or was not ready in time; the message ends with its log."""


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Return as soon as `condition()` holds; raise NotReadyError after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise NotReadyError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


def free_port() -> int:
    """Return a port of the loopback interface that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_running(pid: int) -> bool:
    """Say whether `pid` is a process that has not ended (a zombie has)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def strike(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may just have ended."""
    if is_running(pid):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@dataclass
class Process:
    """One child with its log file. As a context manager it is stopped at the end of the block."""

    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    def output(self) -> str:
        """Return what the process has written so far, both streams in one."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for_line(self, text: str, seconds: float = 60.0) -> Self:
        """Return when `text` stands in the log; raise NotReadyError when the process ends before or time is up."""
        self._wait(lambda: text in self.output(), repr(text), seconds)
        return self

    def wait_for_http(self, url: str, seconds: float = 60.0) -> Self:
        """Return when `url` answers, with whatever status; raise NotReadyError as `wait_for_line` does."""
        self._wait(lambda: _answers(url), url, seconds)
        return self

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def children(self) -> list[int]:
        """Return the ids of its own children, whichever of its threads has forked them."""
        found: list[int] = []
        for thread in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with suppress(OSError):  # it has just ended
                found += [int(pid) for pid in thread.read_text(encoding="utf-8").split()]
        return sorted(found)

    def kill(self) -> None:
        """Kill it with all its children (SIGKILL), where nothing of it is kept."""
        if self.popen.poll() is None:
            for pid in (self.pid, *self.children()):
                strike(pid, signal.SIGKILL)
            self.popen.wait()

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30.0) -> int:
        """Send `number`, wait, kill what is left after `seconds`, and return the exit status."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait()

    def end(self, seconds: float = 60.0) -> int:
        """Ask the process to end (SIGTERM) and return its status; raise NotReadyError with its log when it does not."""
        self.popen.terminate()
        self._wait(lambda: self.popen.poll() is not None, "it has ended", seconds)
        return self.popen.wait()

    def _wait(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        def ready_or_ended() -> bool:
            return ready() or self.popen.poll() is not None

        try:
            wait_until(ready_or_ended, what, seconds)
        except NotReadyError as error:
            raise NotReadyError(f"{error}\n{self.output()[-4000:]}") from None
        if not ready():
            raise NotReadyError(f"ended with {self.popen.poll()} before {what}\n{self.output()[-4000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(
    arguments: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    directory: Path = ROOT,
) -> Process:
    """Start `arguments` with the pytest environment and `environment` over it, both streams appended to `log`."""
    with log.open("ab") as stream:
        popen = subprocess.Popen(
            [str(argument) for argument in arguments],
            cwd=directory,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(),
        )
    return Process(popen, log)


def run(command: Sequence[str], **given: str) -> subprocess.CompletedProcess[str]:
    """Run Python with `command` until it ends by itself, in the tests' environment and what is `given`."""
    return subprocess.run(
        [PYTHON, *command],
        cwd=ROOT,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def start_manage(*arguments: str, log: Path, environment: Mapping[str, str] | None = None) -> Process:
    """Start `manage.py` with `arguments`. Pass `tests.database.environment()` on to reach the test's database."""
    return start([PYTHON, ROOT / "manage.py", *arguments], log=log, environment=environment)


def start_worker(
    *, log: Path, environment: Mapping[str, str], concurrency: int = 1, seconds: float = 60.0
) -> Process:
    """Start a real Celery worker and return when it takes tasks (about 2 s on an idle machine)."""
    options = ["--loglevel=INFO", f"--concurrency={concurrency}", "--without-gossip", "--without-mingle"]
    command = [PYTHON, "-m", "celery", "--quiet", "-A", "portal", "worker", *options]
    return start(command, log=log, environment=environment).wait_for_line(" ready.", seconds)


def start_web(*, log: Path, environment: Mapping[str, str], port: int) -> Process:
    """Start a real gunicorn on 127.0.0.1:`port` and return when it answers."""
    options = ["--bind", f"127.0.0.1:{port}", "--threads=4", "--no-control-socket"]
    command = [PYTHON, "-m", "gunicorn", "portal.wsgi", *options]
    return start(command, log=log, environment=environment).wait_for_http(f"http://127.0.0.1:{port}/healthz")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10):  # noqa: S310  # always the loopback interface
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
