"""The sandbox as a process: both commands, its state file, and signals."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.sandbox.callers import control
from tests.sandbox.conftest import Connect
from trunks.sandbox import faults, switches
from trunks.sandbox.cli import READY
from trunks.sandbox.estate import NORTHWIND, demo_estate
from trunks.sandbox.server import Sandbox

ROOT = Path(__file__).parents[2]
MODULE = [sys.executable, "-m", "trunks.sandbox"]
# As `manage.py` would run it, in a project that has no database and no settings worth the name.
COMMAND = [
    sys.executable,
    "-c",
    "import sys; from django.conf import settings; settings.configure();"
    "from trunks.management.commands.zoom_sandbox import Command;"
    "Command().run_from_argv(['manage.py', 'zoom_sandbox', *sys.argv[1:]])",
]
SUB = next(demo_estate().sub_accounts(NORTHWIND.account_id)).id


class Process:
    """A running sandbox and what it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Read the greeting."""
        assert process.stdout is not None
        self.process = process
        self.greeting: list[str] = []
        for line in process.stdout:
            self.greeting.append(line.rstrip())
            if line.rstrip() == READY:
                break
        self.url = self.greeting[0].rpartition(" ")[2]

    def assign(self, dnis: str) -> int:
        """Get a token and assign a trunk."""
        data = {"grant_type": "account_credentials", "account_id": NORTHWIND.account_id}
        pair = (NORTHWIND.client_id, NORTHWIND.client_secret)
        token = requests.post(f"{self.url}/oauth/token", data=data, auth=pair, timeout=60).json()[
            "access_token"
        ]
        return requests.post(
            f"{self.url}/v2/accounts/{SUB}/sip_trunk/trunks",
            json={"sip_trunks": [{"id": "268", "dnis": dnis}]},
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        ).status_code

    def applications(self) -> dict[str, int]:
        """Return the counters by dnis."""
        state = requests.get(f"{self.url}/_sandbox/state", timeout=60).json()
        return {row["dnis"]: row["count"] for row in state["applications"]}

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; return the exit code and the rest of the output."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=60)
        return self.process.returncode, rest


@contextmanager
def running(command: list[str], *arguments: str) -> Iterator[Process]:
    """Start a sandbox on a free port, and see that it is gone afterwards."""
    process = subprocess.Popen(
        [*command, "--port", "0", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Process(process)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("command", [MODULE, COMMAND], ids=["module", "manage.py"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_process_cleanly(command: list[str], number: signal.Signals) -> None:
    with running(command) as process:
        assert process.greeting[0].startswith("Zoom sandbox (not Zoom) on http://127.0.0.1:")
        assert process.assign("18888001") == 201
        code, rest = process.end(number)
    assert code == 0, rest
    assert any(NORTHWIND.client_secret in line for line in process.greeting)
    assert NORTHWIND.client_secret not in rest
    assert "/sip_trunk/trunks 201 v=2.0" in rest
    assert rest.rstrip().endswith("The sandbox has stopped.")
    assert "Traceback" not in rest


def test_state_survives_a_kill(tmp_path: Path) -> None:
    state = str(tmp_path / "state.json")
    with running(MODULE, "--state", state) as process:
        assert process.assign("18888001") == 201
        process.end(signal.SIGKILL)
    with running(MODULE, "--state", state) as process:
        assert process.assign("18888002") == 201
        assert process.applications() == {"18888001": 1, "18888002": 1}
        held = requests.get(f"{process.url}/_sandbox/state", timeout=60).json()["accounts"]
    assigned = next(account["assigned"] for account in held if account["id"] == SUB)
    assert len({trunk["id"] for trunk in assigned}) == 2


def test_switches_faults_and_estate_are_given_on_the_command_line() -> None:
    fault = json.dumps({"kind": "503", "method": "POST", "path": "trunks$"})
    arguments = [
        "--switch",
        "assign_body=none204",
        "--fault",
        fault,
        "--estate",
        "big:50",
        "--no-rate-limits",
    ]
    with running(MODULE, *arguments) as process:
        assert [process.assign("18888001"), process.assign("18888002")] == [503, 204]
        assert len(requests.get(f"{process.url}/_sandbox/state", timeout=60).json()["accounts"]) > 100


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--switch", "trunk_id=mine"], "trunk_id is one of own, master"),
        (["--switch", "trunk_id"], "is not NAME=VALUE"),
        (["--fault", '{"kind": "flood"}'], "no fault 'flood'"),
        (["--fault", "[1]"], "not a JSON object"),
        (["--fault", '{"kind": "drop", "nth": 1e999}'], "not a fault"),
        (["--estate", "big:0"], "is not demo, empty or big:1"),
        (["--port", "70000"], "cannot start"),
        (["--state", "/dev/null/state"], "cannot start"),
    ],
)
def test_a_bad_argument_stops_the_start_with_the_reason(arguments: list[str], reason: str) -> None:
    done = subprocess.run(
        [*MODULE, "--port", "0", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=10
    )
    assert done.returncode != 0
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_stops_the_start_with_the_reason(sandbox: Sandbox) -> None:
    port = sandbox.url.rpartition(":")[2]
    done = subprocess.run([*MODULE, "--port", port], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "Address already in use" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"next_id": 1, "applications": [], "accounts": [{"id": "x"}]}']
)
def test_a_file_that_is_no_state_file_is_left_alone(text: str, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="not a state file"):
        Sandbox(state_file=path)
    assert path.read_text(encoding="utf-8") == text


def test_each_change_is_on_disk_before_it_is_answered(tmp_path: Path, connect: Connect) -> None:
    path = tmp_path / "state.json"
    with Sandbox(state_file=path) as first:
        assert connect(other=first).assign(SUB, ("268", "18888001")).status_code == 201
        kept = Sandbox(state_file=path)
        assert kept.estate == first.estate
        assert kept.applications(SUB, "268", "18888001") == 1
        first.reset()
        assert Sandbox(state_file=path).applications(SUB, "268", "18888001") == 0
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


def test_a_state_that_cannot_be_written_is_a_500_that_proves_nothing(
    tmp_path: Path, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with Sandbox(state_file=place / "state.json") as first:
        caller = connect(other=first)
        (place / "state.json").unlink()
        place.rmdir()
        answer = caller.assign(SUB, ("268", "18888001"))
        assert (answer.status_code, answer.json()["code"]) == (500, 500)
        assert (first.calls[-1].status, first.calls[-1].applied) == (500, 1)
        assert [trunk["dnis"] for trunk in caller.listed(SUB)] == ["18888001"]
        refused = control(first, "POST", "reset", json={})
        assert (refused.status_code, "cannot be written" in refused.json()["error"]) == (500, True)
    assert any("The state cannot be written" in record.getMessage() for record in caplog.records)


def test_the_sandbox_imports_neither_django_nor_the_client() -> None:
    names = "[name for name in sys.modules if name.split('.')[0] in {'django', 'celery', 'requests'}]"
    code = f"import sys, trunks.sandbox.cli; print({names}, 'trunks.zoom' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[] False"


@pytest.mark.parametrize("command", [MODULE, COMMAND], ids=["module", "command"])
def test_the_help_names_every_switch_with_its_values_and_every_fault(command: list[str]) -> None:
    shown = subprocess.run([*command, "--help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert list(switches.ABOUT) == list(switches.DEFAULTS)
    assert list(faults.ABOUT) == list(faults.APPLY)
    lines = shown.splitlines()
    for name, choices in switches.CHOICES.items():
        assert any(line.startswith(f"  {name}={'|'.join(choices)} ") for line in lines)
        assert any(line.endswith(f" {switches.ABOUT[name]}") for line in lines)
    assert any(line.startswith("  list_delay=SECONDS ") for line in lines)
    for kind, about in faults.ABOUT.items():
        [line] = [line for line in lines if line.startswith(f"  {kind} ")]
        assert about in line
    assert "method, path, times, skip, apply, seconds" in shown
    assert all(len(line) <= 120 for line in lines)


def test_the_docs_name_every_switch_and_every_fault() -> None:
    section = (ROOT / "docs/architecture.md").read_text().partition("## The sandbox")[2].partition("\n## ")[0]
    for name, about in {**switches.ABOUT, **faults.ABOUT}.items():
        assert f"| `{name}` | {about} |" in section
