"""The log: one line for an event, and nothing in it that opens a door."""

import logging

import pytest

from portal import logs
from trunks import context


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
