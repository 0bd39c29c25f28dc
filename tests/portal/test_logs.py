"""The log: one line for an event, and nothing in it that opens a door."""

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from logging.config import dictConfig

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from pytest_django import Settings

from portal import logs
from tests.processes import ROOT
from trunks import context, tasks


def line(message: str, *arguments: object) -> str:
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, message, arguments, None)
    context.LogFilter().filter(record)
    return logs.OneLine().format(record)


@pytest.mark.parametrize(
    "path", ["/invitation/fQcJM70v0Q32-aNfm_itsJ/", "/accounts/password/reset/key/9-d1f0r8-0a1b2c3d4e5f/"]
)
@pytest.mark.parametrize("words", ["Conflict: %s", "Method Not Allowed (HEAD): %s", "Forbidden (%s): x"])
def test_a_link_that_works_once_is_not_in_the_log(path: str, words: str) -> None:
    folder, token = path.rstrip("/").rsplit("/", 1)
    written = line(words, path)
    assert token not in written
    assert f"{folder}/…/" in written


def test_other_addresses_are_there_as_they_are() -> None:
    for path in ("/people/invitations/17/renew/", "/invitation/", "/accounts/password/reset/", "/audit/17/"):
        assert line("Not Found: %s", path).endswith(f"Not Found: {path}")


def test_nobody_writes_a_line_of_their_own() -> None:
    assert "\n" not in line("Not Found: %s", "/a\r\n2026 ERROR b\u2028c")


def test_who_knows_how_a_trace_back_begins_writes_no_line_either() -> None:
    """A comment on a decision is logged with the move that it is given for."""
    said = "agreed\nTraceback\n2026-11-28 10:00:00.000Z INFO forged"
    assert "\n" not in line("TR-000001: pending to approved by %s. %s", "ann@example.com", said)


def test_what_a_trace_back_quotes_begins_no_line_of_its_own(written: StringIO) -> None:
    """The words of an error can hold what somebody typed, as those of a database do."""
    try:
        raise ValueError("DETAIL: (x\n2026-11-28 10:00:00.000Z INFO forged\x1b[2J) is there already")
    except ValueError as error:
        logging.getLogger("django.request").error("Said", exc_info=error)
    first, *trace = written.getvalue().splitlines()
    assert first.endswith("Said")
    assert trace
    assert all(one.startswith("  ") for one in trace)
    assert "\x1b" not in written.getvalue()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """Return what is written by a handler such as production has."""
    config, stream = logs.configuration("INFO"), StringIO()
    config["handlers"]["stderr"]["stream"] = stream
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    dictConfig({**config, "loggers": {}, "root": {"handlers": ["stderr"], "level": "INFO"}})
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def test_what_a_stranger_sends_is_one_line_that_bears_the_id_of_the_answer(
    written: StringIO, client: Client, settings: Settings, db: None
) -> None:
    settings.ALLOWED_HOSTS = ["portal.example.org"]
    answer = client.get("/", headers={"host": "scanner.example"})
    assert answer.status_code == 400
    line, *more = written.getvalue().splitlines()
    assert "Invalid HTTP_HOST header: 'scanner.example'" in line
    assert f"[{answer['X-Request-ID']}]" in line
    assert all(f"[{answer['X-Request-ID']}]" in line for line in more)


def test_a_line_that_django_writes_after_the_answer_was_made_bears_its_id(
    written: StringIO, client: Client, db: None
) -> None:
    answer = client.get("/static/nothing.css")
    [line] = [line for line in written.getvalue().splitlines() if "Not Found" in line]
    assert f"[{answer['X-Request-ID']}]" in line


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_trace_back_is_for_what_the_portal_did_wrong(written: StringIO, status: int) -> None:
    try:
        raise PermissionDenied("no")
    except PermissionDenied as error:
        logging.getLogger("django.request").error("Said", exc_info=error, extra={"status_code": status})
    assert ("Traceback" in written.getvalue()) == (status == 500)
    assert len(written.getvalue().splitlines()) == 1 or status == 500


def test_the_line_of_a_task_that_failed_bears_the_id_of_what_it_did(
    written: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery writes it when the task is over."""
    ids = []

    def fail(_: int) -> None:
        ids.append(context.current().request_id)
        raise ZeroDivisionError

    monkeypatch.setattr("trunks.workflow.provisioning.provision", fail)
    tasks.provision.apply(args=(7,))
    [line_of_it] = [line for line in written.getvalue().splitlines() if "ERROR" in line]
    assert f"celery.app.trace [{ids[0]}] Task trunks.tasks.provision" in line_of_it


AS_A_WORKER = """
import threading, billiard.util, django
from portal.celery import app

django.setup()
app.log.setup(loglevel="INFO", redirect_stdouts=True)
app.log.get_default_logger().info("a word of Celery's")
billiard.util.get_logger().error("Process 'ForkPoolWorker-1' exited")
print("a letter\\nof two lines")

def fail():
    raise ValueError("in a thread")

thread = threading.Thread(target=fail)
thread.start()
thread.join()
"""


def test_a_worker_writes_lines_as_the_web_does_and_leaves_what_others_write_in_one_piece() -> None:
    """Celery would give each word that is written to stderr a line: a trace-back could not be read, nor searched."""
    ended = subprocess.run(
        [sys.executable, "-c", AS_A_WORKER], cwd=ROOT, check=True, capture_output=True, text=True
    )
    stamp = r"[-0-9]{10} [:.0-9]{12}Z"
    assert re.search(rf"^{stamp} INFO    celery\S* \[-\] a word of Celery's$", ended.stderr, re.M)
    assert re.search(rf"^{stamp} ERROR   multiprocessing \[-\] Process 'Fork.* exited$", ended.stderr, re.M)
    assert ended.stdout == "a letter\nof two lines\n"
    trace = ended.stderr.partition("Exception in thread")[2]
    assert trace.splitlines()[1] == "Traceback (most recent call last):"
    assert trace.splitlines()[-1] == "ValueError: in a thread"
