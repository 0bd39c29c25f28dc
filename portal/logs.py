"""One event, one line, whatever somebody put into a name or a browser's header."""

import logging
import time


class OneLine(logging.Formatter):
    """Formats a record as one line: UTC time, level, logger, request id, message, with line breaks made visible."""

    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s [%(request_id)s] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a trace-back is the one thing that keeps its line breaks."""
        text = super().format(record)
        head, mark, trace = text.partition("\nTraceback")
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in head) + mark + trace
