"""What ties together all that one web request does, or one task with its calls to Zoom: one id, and where it came from.

A task has an id of its own: it may be rung by a sweep, or carry out one of several requests that were approved in one
web request. What ties the two together is the object of their events, whose story has both.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


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
