"""One event, one line, whatever somebody put into a name or a browser's header."""

import logging
import re
import time
from typing import Any

# What follows is as good as a password until somebody uses it, and a refused request is logged with its address.
_ONCE = re.compile(r"(/invitation/|/accounts/password/reset/key/)[^/\s]+")


class OneLine(logging.Formatter):
    """Formats a record as one line: UTC time, level, logger, request id, message, with line breaks made visible."""

    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s [%(request_id)s] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without links that work once; a trace-back follows it, each of its lines set in."""
        return _ONCE.sub(r"\1…", super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # Python's name
        return _visible(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802  # Python's name
        # Set in, because what an error says may hold what somebody typed: that must not look like a line of the log.
        return "\n".join(f"  {_visible(line)}" for line in super().formatException(ei).splitlines())


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class Callers(logging.Filter):
    """Takes the trace-back from what a caller did wrong: strangers choose what they send, and how often."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass."""
        theirs = record.name == "django.request" and getattr(record, "status_code", 500) < 500
        if theirs or record.name.startswith("django.security."):
            record.exc_info = record.exc_text = None
        return True


def configuration(level: str) -> dict[str, Any]:
    """Return what Django configures logging with: one line for each event, on standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"context": {"()": "trunks.context.LogFilter"}, "callers": {"()": "portal.logs.Callers"}},
        "formatters": {"line": {"()": "portal.logs.OneLine"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "filters": ["context", "callers"],
                "formatter": "line",
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.server": {"handlers": ["stderr"], "propagate": False},
            # The pool's, which tells that a child has ended; it propagates nothing.
            "multiprocessing": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
            "urllib3": {"level": "INFO"},
            # Sweeps ring every few seconds; what is worth a line is logged where it happens.
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }
