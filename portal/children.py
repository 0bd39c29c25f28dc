"""Runs the demo's processes: one merged log, a dead child is started again, and nobody is left behind.

One thread does everything, because the kernel's "tell me when my parent dies" means the parent's thread.
"""

import ctypes
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_COLOURS = (36, 35, 33, 32, 34, 31)


class StoppedError(Exception):
    """Somebody asked the launcher to end."""


class FailedError(Exception):
    """A step failed, or a process died too often; the message says which."""


def end_with_parent(death_signal: signal.Signals, parent: int | None = None) -> None:
    """Have the kernel send `death_signal` to this process when its parent ends; elsewhere than on Linux do nothing.

    `parent` is the process id of the one to live with: where it is gone already, this process ends at once.
    """
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if parent is not None and os.getppid() != parent:
            os._exit(1)


@dataclass
class Child:
    """One process in a group of its own, and how often it has been started again."""

    name: str
    command: Sequence[str]
    lasting: bool
    process: subprocess.Popen[bytes]
    starts: int = 1
    due: float | None = None
    unfinished: bytes = field(default=b"", repr=False)


class Children:
    """A set of processes with one log.

    `restarts`: how often a lasting child is started again before everything is given up.
    `pause`: seconds before the first restart; each further one waits that much longer.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        directory: Path,
        *,
        write: Callable[[str], None] = print,
        restarts: int = 5,
        pause: float = 1.0,
    ) -> None:
        self.environment = dict(environment)
        self.directory = directory
        self.write = write
        self.restarts = restarts
        self.pause = pause
        self.stopping = False
        self._children: list[Child] = []
        self._selector = selectors.DefaultSelector()

    def heed_signals(self) -> None:
        """Take SIGINT, SIGTERM and SIGHUP for the order to end: `watch` and `run` then raise StoppedError."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: setattr(self, "stopping", True))

    def start(self, name: str, command: Sequence[str], *, lasting: bool = True) -> Child:
        """Start `command`; its lines appear in the log after `name`."""
        child = Child(name, command, lasting, self._spawn(command))
        self._children.append(child)
        self._listen(child)
        return child

    def run(self, steps: Mapping[str, Sequence[str]]) -> None:
        """Run `steps` side by side to their ends; raise FailedError when one of them fails."""
        running = [self.start(name, command, lasting=False) for name, command in steps.items()]
        self.watch(lambda: all(child.process.poll() is not None for child in running))
        for child in running:
            self._forget(child)
            if child.process.returncode:
                raise FailedError(f"{child.name} failed with status {child.process.returncode}.")

    def watch(self, until: Callable[[], bool] = lambda: False, seconds: float = math.inf) -> None:
        """Pass on the children's lines and restart the dead until `until()` holds.

        Raises StoppedError when a signal came, FailedError when it does not hold within `seconds`.
        """
        end = time.monotonic() + seconds
        while not until():
            if self.stopping:
                raise StoppedError
            if time.monotonic() > end:
                raise FailedError(f"The start was not over within {seconds:g} seconds.")
            self._pump(0.05)
            for child in self._children:
                self._look_after(child)

    def stop(self, seconds: float = 10.0) -> None:
        """End all children, the first one last, because the others lean on it; kill who takes over `seconds`."""
        self.stopping = False  # a second signal cuts the waiting short
        end = time.monotonic() + seconds
        for wave in (self._children[1:], self._children[:1]):
            self._end(wave, end)

    def _end(self, wave: Sequence[Child], end: float) -> None:
        for child in wave:
            child.process.terminate()  # the child alone, which then ends its own helpers in order
        while any(child.process.poll() is None for child in wave):
            if self.stopping or time.monotonic() > end:
                break
            self._pump(0.05)
        for child in wave:
            _kill_group(child)
            self._forget(child)

    def _spawn(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        parent = os.getpid()
        return subprocess.Popen(  # noqa: S603  # the launcher's own commands
            command,
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A Ctrl-C at the terminal reaches the launcher alone, which then ends the children in order.
            process_group=0,
            preexec_fn=lambda: end_with_parent(signal.SIGKILL, parent),
        )

    def _look_after(self, child: Child) -> None:
        """Start a dead child again when its pause is over; raise FailedError when it died too often."""
        if not child.lasting or child.process.poll() is None:
            return
        if child.due is None:
            if child.starts > self.restarts:
                raise FailedError(f"{child.name} ended {child.starts} times; giving up.")
            child.due = time.monotonic() + self.pause * child.starts
            how = f"{child.name} ended with status {child.process.returncode}"
            self.write(f"{how}; starting it again ({child.starts} of {self.restarts}).")
        elif time.monotonic() >= child.due:
            self._unlisten(child)
            _kill_group(child)  # what it may have left behind
            child.process, child.due, child.starts = self._spawn(child.command), None, child.starts + 1
            self._listen(child)

    def _listen(self, child: Child) -> None:
        stream = _stream(child)
        os.set_blocking(stream.fileno(), False)
        self._selector.register(stream, selectors.EVENT_READ, child)

    def _unlisten(self, child: Child) -> None:
        """Read what is left, and close."""
        while self._read(child):
            pass
        self._close(child)
        if child.unfinished:
            self._show(child, b"\n")

    def _close(self, child: Child) -> None:
        stream = _stream(child)
        if not stream.closed:
            self._selector.unregister(stream)
            stream.close()

    def _forget(self, child: Child) -> None:
        self._unlisten(child)
        self._children.remove(child)

    def _pump(self, seconds: float) -> None:
        """Pass on what the children write within `seconds`; take that long even when they write a lot."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self._selector.get_map():
                time.sleep(left)
            for key, _ in self._selector.select(left):
                self._read(key.data)

    def _read(self, child: Child) -> bool:
        """Pass on what is there, and say whether there was anything."""
        stream = _stream(child)
        if stream.closed:
            return False
        try:
            data = os.read(stream.fileno(), 1 << 16)
        except BlockingIOError:
            return False
        if data:
            self._show(child, data)
        else:
            self._close(child)
        return bool(data)

    def _show(self, child: Child, data: bytes) -> None:
        """Write whole lines only, so that two children's lines never run into each other."""
        *lines, child.unfinished = (child.unfinished + data).split(b"\n")
        for line in lines:
            self.write(self._mark(child) + line.decode(errors="replace").rstrip())

    def _mark(self, child: Child) -> str:
        mark = f"{child.name:<8}|"
        if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
            return f"{mark} "
        return f"\033[{_COLOURS[sum(child.name.encode()) % len(_COLOURS)]}m{mark}\033[0m "


def _stream(child: Child) -> IO[bytes]:
    if child.process.stdout is None:
        raise AssertionError("children are started with a pipe")
    return child.process.stdout


def _kill_group(child: Child) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()
