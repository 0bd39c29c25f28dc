"""`make demo` ends what it started, says what happened, and keeps its secrets to itself."""

import base64
import json
import os
import re
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest

from portal import launcher
from portal.children import Children, FailedError, StoppedError
from tests import processes
from tests.processes import PYTHON, ROOT, Process, is_running, wait_until

# A child with a helper of its own, as Celery has: both ids are written down.
_WITH_HELPER = """
import os, subprocess, sys, time
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("pids", os.getpid(), helper.pid, flush=True)
time.sleep(60)
"""
# A launcher that runs two of them.
_LAUNCHER = f"""
import os, pathlib, sys
from portal.children import Children, StoppedError
children = Children(os.environ, pathlib.Path.cwd(), write=lambda line: print(line, flush=True))
children.heed_signals()
children.start("one", [sys.executable, "-c", {_WITH_HELPER!r}])
children.start("two", [sys.executable, "-c", {_WITH_HELPER!r}])
try:
    children.watch()
except StoppedError:
    print("ending", flush=True)
finally:
    children.stop()
"""


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def children(tmp_path: Path, lines: list[str]) -> Children:
    return Children(os.environ, tmp_path, write=lines.append, restarts=2, pause=0.01)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def pids_in(log: str) -> list[int]:
    return [int(pid) for pair in re.findall(r"pids (\d+) (\d+)", log) for pid in pair]


@pytest.fixture
def running_launcher(tmp_path: Path) -> Process:
    process = processes.start([PYTHON, "-c", _LAUNCHER], log=tmp_path / "log")
    wait_until(lambda: len(pids_in(process.output())) == 4, "four children")
    return process


def test_the_lines_of_all_children_make_one_log(children: Children, lines: list[str]) -> None:
    children.run({"a": python("print('first'); print('no end', end='')"), "b": python("print('other')")})
    assert sorted(lines) == ["a       | first", "a       | no end", "b       | other"]


def test_a_failing_step_is_named(children: Children) -> None:
    with pytest.raises(FailedError, match=r"^bad failed with status 3\.$"):
        children.run({"bad": python("raise SystemExit(3)")})


def test_a_child_that_dies_is_started_again_with_a_line_saying_so(
    children: Children, lines: list[str], tmp_path: Path
) -> None:
    once = tmp_path / "was-here"
    code = f"import pathlib, time; p = pathlib.Path({str(once)!r}); again = p.exists(); p.touch()\n"
    child = children.start("weak", python(f"{code}print('up', again, flush=True)\nif again: time.sleep(60)"))
    children.watch(lambda: "weak    | up True" in lines)
    children.stop()
    assert lines[:3] == [
        "weak    | up False",
        "weak ended with status 0; starting it again (1 of 2).",
        "weak    | up True",
    ]
    assert not is_running(child.process.pid)


def test_a_child_that_keeps_dying_is_given_up(children: Children, lines: list[str]) -> None:
    children.start("weak", python("raise SystemExit(1)"))
    with pytest.raises(FailedError, match="weak ended 3 times; giving up"):
        children.watch()
    children.stop()
    assert sum("starting it again" in line for line in lines) == 2


def test_a_start_that_takes_too_long_is_given_up(children: Children) -> None:
    with pytest.raises(FailedError, match=r"not over within 0\.01 seconds"):
        children.watch(lambda: False, seconds=0.01)


def test_a_child_that_will_not_end_is_killed(children: Children, lines: list[str]) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    child = children.start("deaf", python(code))
    children.watch(lambda: bool(lines))
    children.stop(seconds=0.1)
    assert child.process.returncode == -signal.SIGKILL


def test_what_the_others_lean_on_ends_last(children: Children, lines: list[str]) -> None:
    code = (
        "import signal, sys, time\n"
        "def end(*_): time.sleep({0}); print('end', flush=True); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)"
    )
    children.start("ground", python(code.format(0)))
    children.start("other", python(code.format(0.2)))
    children.watch(lambda: len(lines) == 2)
    children.stop()
    assert lines[2:] == ["other   | end", "ground  | end"]


def test_an_order_to_end_interrupts_even_the_steps(children: Children) -> None:
    children.stopping = True
    with pytest.raises(StoppedError):
        children.run({"long": python("import time; time.sleep(60)")})
    children.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ending_the_launcher_leaves_nobody(running_launcher: Process, number: signal.Signals) -> None:
    assert running_launcher.stop(number) == 0
    wait_until(lambda: not any(map(is_running, pids_in(running_launcher.output()))), "nobody left")
    assert "ending" in running_launcher.output()


def test_killing_the_launcher_leaves_none_of_its_children(running_launcher: Process) -> None:
    running_launcher.stop(signal.SIGKILL)
    children = pids_in(running_launcher.output())[
        ::2
    ]  # their helpers are theirs to look after, as Celery does
    try:
        wait_until(lambda: not any(map(is_running, children)), "nobody left")
    finally:
        for helper in pids_in(running_launcher.output())[1::2]:
            os.kill(helper, signal.SIGKILL)


def test_a_busy_port_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        monkeypatch.setenv("PORT", port)
        monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
        assert launcher.main(["demo"]) == 1
    assert f"Port {port} is not free" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(
    port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", port)
    assert launcher.main(["demo"]) == 1
    assert "PORT must be a number from 1 to 65535" in capsys.readouterr().err


def test_a_second_demo_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with (
        launcher.alone(tmp_path),
        pytest.raises(FailedError, match="A demo already runs on"),
        launcher.alone(tmp_path),
    ):
        raise AssertionError("two demos")


def test_secrets_are_made_once_and_readable_to_their_owner_only(tmp_path: Path) -> None:
    first = launcher.environment_of(8000, {"DATA_DIR": str(tmp_path)})
    again = launcher.environment_of(8000, {"DATA_DIR": str(tmp_path)})
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    kept = json.loads((tmp_path / "secrets.json").read_text(encoding="utf-8"))
    for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "AUDIT_SIGNING_KEY"):
        assert first[name] == again[name] == kept[name]


def test_a_secret_that_an_older_demo_did_not_have_is_added_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text('{"SECRET_KEY": "kept", "FIELD_ENCRYPTION_KEYS": "kept too"}')
    environment = launcher.environment_of(8000, {"DATA_DIR": str(tmp_path)})
    assert (environment["SECRET_KEY"], environment["FIELD_ENCRYPTION_KEYS"]) == ("kept", "kept too")
    assert len(base64.b64decode(environment["AUDIT_SIGNING_KEY"])) == 32


def test_the_demo_never_speaks_with_the_real_zoom(tmp_path: Path) -> None:
    given = {"DATA_DIR": str(tmp_path), "ZOOM_API_URL": "https://api.zoom.us/v2", "QUIET_SECONDS": "1"}
    environment = launcher.environment_of(8123, given)
    assert environment["ZOOM_API_URL"].startswith("http://127.0.0.1:")
    assert environment["ZOOM_OAUTH_URL"].startswith("http://127.0.0.1:")
    assert environment["SITE_URL"] == "http://127.0.0.1:8123"
    assert environment["QUIET_SECONDS"] == "1"


def test_the_stand_in_keeps_its_port_while_that_is_free(tmp_path: Path) -> None:
    given = {"DATA_DIR": str(tmp_path)}
    first = launcher.environment_of(8000, given)["ZOOM_API_URL"]
    assert launcher.environment_of(8000, given)["ZOOM_API_URL"] == first
    with socket.create_server(("127.0.0.1", int(first.rpartition(":")[2].partition("/")[0]))):
        assert launcher.environment_of(8000, given)["ZOOM_API_URL"] != first


def test_reset_removes_data_but_no_secrets(tmp_path: Path) -> None:
    environment = launcher.environment_of(8000, {"DATA_DIR": str(tmp_path)})
    for name in (
        "portal.sqlite3",
        "portal.sqlite3-wal",
        "sandbox.json",
        "beat.db",
        "broker/messages/1.celery.msg",
        "digests/audit-2026-11-25.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    launcher.reset(environment)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digests", "sandbox.port", "secrets.json"]
    assert (
        launcher.environment_of(8000, {"DATA_DIR": str(tmp_path)})["ZOOM_API_URL"]
        == environment["ZOOM_API_URL"]
    )
    assert list((tmp_path / "digests").iterdir()) == []


def test_reset_leaves_other_databases_alone(tmp_path: Path) -> None:
    given = {"DATA_DIR": str(tmp_path), "DATABASE_URL": "postgres://portal@db/portal"}
    with pytest.raises(FailedError, match="embedded database only"):
        launcher.reset(launcher.environment_of(8000, given))


def test_make_demo_runs_the_launcher() -> None:
    assert "-m portal.launcher demo" in (ROOT / "Makefile").read_text(encoding="utf-8")
