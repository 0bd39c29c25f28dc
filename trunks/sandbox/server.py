"""The sandbox as an object: start it in a thread, change how it behaves, ask what it saw."""

import copy
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from trunks.sandbox import auth, control, faults, mischief, routes, switches
from trunks.sandbox.engine import Engine
from trunks.sandbox.errors import Refusal
from trunks.sandbox.estate import DEMO_CREDENTIALS, DemoCredential, demo_estate
from trunks.sandbox.exchange import Answer, Call
from trunks.sandbox.journal import Entry, Journal
from trunks.sandbox.limits import Limits
from trunks.sandbox.mischief import Pauses, Wire
from trunks.sandbox.records import AssignedTrunk, Estate
from trunks.sandbox.store import Store
from trunks.sandbox.wire import Server
from trunks.sandbox.world import World


class Sandbox:
    """A stand-in for Zoom on 127.0.0.1; use it as a context manager, or `start` and `stop` it."""

    def __init__(
        self,
        estate: Estate | None = None,
        switches: dict[str, str] | None = None,
        state_file: Path | None = None,
        seed: int = 0,
        port: int = 0,
        rate_limits: bool = True,
    ) -> None:
        """Prepare; port 0 takes a free one. State found in `state_file` wins over `estate`.

        Raises ValueError for an unknown switch or a file that is no state file.
        """
        self._port = port
        self._first_switches = dict(switches or {})
        self._first_estate = estate if estate is not None else demo_estate()
        self.world = World(copy.deepcopy(self._first_estate), _switches(switches), Store(state_file))
        self.world.load()
        self.world.save()
        self.faults = faults.FaultBook(seed)
        self.journal = Journal(self.world.clock)
        self.limits = Limits(self.world.clock, rate_limits)
        self.pauses = Pauses()
        self._engine = Engine(self.world, self.limits)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> "Sandbox":
        """Listen and serve in a daemon thread; raises OSError when the port is taken."""
        self._server = Server(self._port, self)
        self._engine.url = self.url
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving; calls that hang are dropped and never take effect."""
        self.pauses.stop()
        if self._server is not None and self._thread is not None:
            self._server.finish()
            self._thread.join()

    def __enter__(self) -> "Sandbox":
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def url(self) -> str:
        """The base address, e.g. http://127.0.0.1:49152; the sandbox must have been started."""
        if self._server is None:
            raise RuntimeError("the sandbox has not been started")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def api_url(self) -> str:
        """What stands for https://api.zoom.us/v2."""
        return self.url + routes.BASE

    @property
    def oauth_url(self) -> str:
        """What stands for https://zoom.us/oauth/token."""
        return self.url + routes.TOKEN_PATH

    @property
    def estate(self) -> Estate:
        """The truth; take `world.lock` to change it while calls are being served."""
        return self.world.estate

    @property
    def demo_credentials(self) -> list[DemoCredential]:
        """The credentials of the demo estate that work in this one."""
        return [known for known in DEMO_CREDENTIALS if known.client_id in self.world.estate.apps]

    @property
    def calls(self) -> list[Entry]:
        """The calls so far, oldest first; control calls are not among them."""
        return self.journal.entries()

    def calls_of(self, method: str = "", path: str = "") -> list[Entry]:
        """Return the calls of a method whose path contains a match of the expression `path`."""
        return self.journal.matching(method, path)

    def switch(self, name: str, value: str) -> None:
        """Change a switch; raises ValueError with the allowed values."""
        self.world.switches.set(name, value)

    def fault(
        self, kind: str, *, method: str = "", path: str = "", times: int = 1, skip: int = 0, **options: Any
    ) -> faults.Fault:
        """Put a fault in force: see `faults.Fault` for the options; a latency has no end unless told."""
        given = {"kind": kind, "method": method, "path": path, "skip": skip, **options}
        if kind != "latency" or times != 1:
            given["times"] = times
        return self.faults.add(faults.build(given))

    def clear_faults(self) -> None:
        """Take all faults out of force; a hang under way goes on until `release`."""
        self.faults.remove()

    def release(self) -> None:
        """End the hangs, drips and latencies that are under way now."""
        self.pauses.release()

    def advance(self, seconds: float) -> None:
        """Push the clock forward: tokens and page tokens expire, delayed lists catch up, days pass."""
        self.world.clock.advance(seconds)

    def revoke_tokens(self) -> None:
        """Make every token handed out so far invalid."""
        auth.revoke(self.world)

    def assigned(self, account_id: str) -> list[AssignedTrunk]:
        """Return what an account really holds, whatever lists show; empty for an unknown account."""
        with self.world.lock:
            account = self.world.estate.accounts.get(account_id)
            return list(account.assigned) if account else []

    def applications(self, account_id: str, trunk_id: str, dnis: str) -> int:
        """Return how often this took effect, by the master's trunk id; deleting does not lower it."""
        with self.world.lock:
            return self.world.applications[(account_id, trunk_id, dnis)]

    def reset(self) -> None:
        """Go back to the estate and switches of the beginning; no faults, calls, tokens or counters."""
        self.world.switches.reset(self._first_switches)
        self.world.replace(copy.deepcopy(self._first_estate))
        self.faults.remove()
        self.journal.clear()
        self.limits.clear()

    def serve(self, call: Call, wire: Wire, identify: Callable[[str], None]) -> None:
        """Answer one call on `wire`: honestly, or as a fault has it."""
        if control.is_control(call.path):
            wire.send(control.answer(self, call))
            return
        entry = self.journal.open(call, self.world.switches.changed())
        identify(entry.tracking_id)
        self._play(call, entry, _Recorder(wire, entry, self.journal))

    def _play(self, call: Call, entry: Entry, wire: Wire) -> None:
        fault, latency = self.faults.pick(call)
        self.pauses.wait(latency)
        if fault is None:
            wire.send(self._engine.answer(call, entry))
            return
        entry.fault = f"{fault.kind}#{fault.id}" + (f" apply={fault.apply}" if fault.apply else "")
        mischief.play(
            fault,
            lambda: self._engine.answer(call, entry),
            wire,
            self.pauses,
            self.world.clock,
            _label(call),
        )


class _Recorder:
    """Notes what is being sent before it is, so that a client that has the answer finds it in the journal."""

    def __init__(self, wire: Wire, entry: Entry, journal: Journal) -> None:
        self._wire = wire
        self._entry = entry
        self._journal = journal
        self._begun = time.monotonic()

    def _note(self, status: int) -> None:
        self._entry.status = status
        self._entry.milliseconds = round((time.monotonic() - self._begun) * 1000, 1)
        self._journal.log(self._entry)

    def send(self, answer: Answer) -> None:
        self._note(answer.status)
        self._wire.send(answer)

    def send_half(self, answer: Answer) -> None:
        self._note(answer.status)
        self._wire.send_half(answer)

    def send_slowly(self, answer: Answer, seconds: float) -> None:
        self._note(answer.status)
        self._wire.send_slowly(answer, seconds)

    def hang_up(self) -> None:
        self._note(0)
        self._wire.hang_up()


def _switches(values: Mapping[str, str] | None) -> switches.Switches:
    return switches.Switches(values)


def _label(call: Call) -> str:
    try:
        return routes.find(call.method, call.path)[0].label
    except Refusal:
        return "Light"
