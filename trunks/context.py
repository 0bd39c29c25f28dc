"""What ties together all that one web request does, or one task with its calls to Zoom: one id, and where it came from.

A task begins with an id of its own. Where it carries out what somebody has asked for, it goes on under the id of that
web request, whoever rang it and however late: the row keeps it. So do all that were approved in one web request.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Context:
    """Where an action comes from. All but `request_id` is empty outside of web requests.

    `browser` is the mark of a signed cookie: the same for all who sign in in one browser.
    """

    request_id: str = ""
    ip: str = ""
    user_agent: str = ""
    browser: str = ""


_context: ContextVar[Context] = ContextVar("context", default=Context())  # noqa: B039  # frozen


def current() -> Context:
    return _context.get()


@contextmanager
def bound(context: Context) -> Iterator[None]:
    """Make `context` the current one for the duration of the block."""
    token = _context.set(context)
    try:
        yield
    finally:
        _context.reset(token)


def carry_on(request_id: str) -> None:
    """Go on under `request_id`, where there is one, until the block of `bound` is over in which this is called."""
    if request_id:
        _context.set(replace(current(), request_id=request_id))


@contextmanager
def marking_errors() -> Iterator[None]:
    """Give an error that ends the block the present id: it is logged where the block is over."""
    try:
        yield
    except Exception as error:
        vars(error)[REQUEST_ID] = current().request_id
        raise


REQUEST_ID = "portal.request_id"


class LogFilter(logging.Filter):
    """Gives every log record the id of the request it belongs to, or of the task that the error in it has ended."""

    def filter(self, record: logging.LogRecord) -> bool:
        asked = getattr(getattr(record, "request", None), "META", {})
        error = record.exc_info[1] if record.exc_info else None
        raised = getattr(error, REQUEST_ID, "-")
        record.request_id = current().request_id or asked.get(REQUEST_ID, raised)
        return True
