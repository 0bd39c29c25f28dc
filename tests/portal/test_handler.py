"""What Django's own request cannot be made of is refused in the portal's words, and not by a bare 500 of gunicorn's."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import RequestFactory

import portal.wsgi

ODD = [
    "application/x-www-form-urlencoded; charset*=nope'en'x",
    "text/html; name*=idna'x'%zz%ff\xff",
    "a/b; x*=a\0b'en'x",
]


def answer_to(
    content_type: str, method: str, path: str = "/accounts/login/"
) -> tuple[str, dict[str, str], str]:
    """Return status, headers and page of the portal as a web server asks it."""
    told: list[Any] = []

    def started(*said: Any) -> Any:
        told.extend(said)

    environ = RequestFactory().generic(method, path, b"a=b").environ
    parts = portal.wsgi.application(environ | {"CONTENT_TYPE": content_type}, started)
    return told[0], dict(told[1]), b"".join(parts).decode()


@pytest.mark.parametrize("content_type", ODD)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_content_type_that_django_cannot_read_is_refused_in_plain_words(
    db: None, content_type: str, method: str
) -> None:
    status, headers, page = answer_to(content_type, method)
    assert status == "400 Bad Request"
    assert "This was not understood" in page
    assert "Content-Security-Policy" in headers
    assert "X-Request-ID" in headers


def test_any_other_is_read_as_ever(db: None) -> None:
    status, _, page = answer_to("application/x-www-form-urlencoded; charset=utf-8", "GET", "/healthz")
    assert (status, page) == ("200 OK", "ok\n")
