"""The servers of a test run end with it, however it ends."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests import processes
from tests.processes import PYTHON, is_running, wait_until

_RUN = """
import os, pathlib, time
from tests import servers
servers.prepare()
folder = pathlib.Path(os.environ["DATA_DIR"]).parent
postgres = (folder / "pg/data/postmaster.pid").read_text().split()[0]
print("up", postgres, folder, flush=True)
{then}
"""


def run(then: str, log: Path) -> tuple[processes.Process, int, Path]:
    process = processes.start(
        [PYTHON, "-c", _RUN.format(then=then)], log=log, environment={"PORTAL_TEST_DATABASE": ""}
    )
    process.wait_for_line("up ")
    found = re.search(r"^up (\d+) (\S+)$", process.output(), re.MULTILINE)
    assert found
    return process, int(found[1]), Path(found[2])


def redis_in(folder: Path) -> list[int]:
    """Return the Redis servers that were started in `folder`."""
    mark = f"{folder}/redis.sock".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:  # it has ended
            continue
        if mark in line:
            found.append(int(path.parent.name))
    return found


def test_a_run_that_ends_leaves_neither_servers_nor_files(tmp_path: Path) -> None:
    process, postgres, folder = run("", tmp_path / "log")
    assert process.popen.wait(60) == 0
    assert not is_running(postgres)
    assert not redis_in(folder)
    assert not folder.exists()


def test_a_run_that_is_killed_leaves_no_servers_and_the_next_one_removes_its_files(tmp_path: Path) -> None:
    process, postgres, folder = run("time.sleep(60)", tmp_path / "log")
    assert redis_in(folder)
    process.stop(signal.SIGKILL)
    wait_until(lambda: not is_running(postgres) and not redis_in(folder), "servers have ended")
    assert folder.exists()
    run("", tmp_path / "next")[0].popen.wait(60)
    assert not folder.exists()


def test_the_settings_of_the_person_at_the_keyboard_do_not_leak_into_the_tests() -> None:
    assert os.environ["LOG_LEVEL"] == "WARNING"
    assert not [
        name for name in os.environ if name.endswith("_FILE") and name.startswith(("SECRET_KEY", "DATABASE"))
    ]


def test_a_missing_redis_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    code = "from pathlib import Path; from tests import servers; servers.start_redis(Path('/nowhere'))"
    process = processes.start([PYTHON, "-c", code], log=tmp_path / "log")
    assert process.popen.wait(60) == 1
    assert "Redis is not installed: run .ci/bootstrap" in process.output()
