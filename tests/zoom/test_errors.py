"""The errors themselves: their words, their two answers, and the way from process to process."""

import pickle
from datetime import UTC, datetime

import pytest

from trunks.zoom.errors import (
    InvalidParameter,
    NoAnswer,
    NotSent,
    RateLimited,
    Redirected,
    Refused,
    ScopeMissing,
    ServerError,
    Unreadable,
    ZoomError,
)


def test_an_error_says_what_was_done_what_happened_and_what_support_needs() -> None:
    error = Refused("No.", doing="listing the trunks of account X", status=400, code=300, tracking_id="WEB_1")
    assert str(error) == (
        "listing the trunks of account X: Zoom refused: No. [HTTP 400, code 300, tracking id WEB_1]"
    )


def test_an_error_without_details_has_words_all_the_same() -> None:
    assert str(NotSent()) == "Zoom could not be reached"
    assert str(ZoomError()) == "the call to Zoom failed"


def test_zooms_words_cannot_forge_a_log_line() -> None:
    line = str(Refused("no\r\n2026-01-01 INFO ok\x1b[31m\u2028é\x00"))
    assert line == r"Zoom refused: no\r\n2026-01-01 INFO ok\x1b[31m\u2028é\x00"


@pytest.mark.parametrize("error", [NoAnswer, Unreadable, ServerError])
def test_a_doubtful_write_must_not_be_sent_again(error: type[ZoomError]) -> None:
    assert (error().retryable, error().might_have_happened) == (True, False)
    write = error(might_have_happened=True)
    assert (write.retryable, write.might_have_happened) == (False, True)
    assert error(retryable=False).retryable is False


def test_a_redirect_is_never_worth_a_retry() -> None:
    assert Redirected(location="/x").retryable is False


@pytest.mark.parametrize(
    "error",
    [
        NotSent("refused", doing="reading"),
        NoAnswer("cut", might_have_happened=True, status=408),
        Redirected("to", location="https://elsewhere"),
        RateLimited("slow", retry_at=datetime(2026, 1, 1, tzinfo=UTC), daily=True, limit=1, remaining=0),
        ScopeMissing("scope", scopes=("a:b",), code=4711),
        InvalidParameter("field", fields={"dnis": "too long"}, tracking_id="WEB_1"),
    ],
)
def test_an_error_survives_the_way_to_another_process(error: ZoomError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is type(error)
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)
