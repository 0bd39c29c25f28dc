"""Answering a request that Django's own cannot even be made of."""

from collections.abc import Mapping
from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest


class Request(WSGIRequest):
    """A request whose content type may be nonsense: Django's raises in the making, with nobody there to answer."""

    unreadable = False

    def _set_content_type_params(self, meta: Mapping[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]  # the stubs leave it out
        except ValueError:
            # An encoding that nobody knows, or one that does not fit what it is said to encode.
            self.content_type, self.content_params, self.unreadable = "", {}, True


class Handler(WSGIHandler):
    """Django's handler, for such requests too: they are refused like any other that cannot be understood."""

    request_class = Request
