"""Pages are light: what a browser fetches for its first page, and for every further one."""

import gzip
import re
from pathlib import Path

import brotli
import pytest
from django.contrib.staticfiles import finders
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from tests import cast
from trunks.middleware import compressed
from trunks.models import User

NAMED = re.compile(r'(?:src|rel="stylesheet" href)="/static/([^"?]+)"')
LONG = "A trail of many events. " * 100


def sent(name: str) -> int:
    """Return how many bytes of a static file are sent."""
    return len(brotli.compress(Path(str(finders.find(name))).read_bytes()))


@pytest.mark.django_db
def test_a_first_page_is_less_than_60_kb_and_its_script_less_than_24(
    client: Client, staff: User, estate: cast.Estate
) -> None:
    """The request form is the page with the most script: 15 KB of it are htmx."""
    client.force_login(staff)
    page = client.get("/requests/new/", headers={"Accept-Encoding": "gzip"})
    files = {name: sent(name) for name in NAMED.findall(gzip.decompress(page.content).decode())}
    assert len(files) == 10
    assert sum(size for name, size in files.items() if name.endswith(".js")) < 24_000
    assert len(page.content) + sum(files.values()) < 60_000


def answered(response: HttpResponse | StreamingHttpResponse, *, accepted: str = "gzip, br") -> HttpResponse:
    request = RequestFactory().get("/", headers={"Accept-Encoding": accepted})
    return compressed(lambda _: response)(request)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json"])
def test_what_is_text_is_compressed_for_who_takes_it(kind: str) -> None:
    plain = answered(HttpResponse(LONG, content_type=kind), accepted="identity")
    small = answered(HttpResponse(LONG, content_type=kind))
    assert (plain.content.decode(), plain["Vary"]) == (LONG, "Accept-Encoding")
    assert gzip.decompress(small.content).decode() == LONG
    assert int(small["Content-Length"]) == len(small.content) < len(LONG) / 5


def test_what_is_streamed_or_no_text_goes_out_as_it_is() -> None:
    """Compressing a download in pieces takes longer than making it, and an archive becomes no smaller."""
    streamed = answered(StreamingHttpResponse([LONG], content_type="text/csv"))
    archive = answered(HttpResponse(LONG, content_type="application/zip"))
    assert not streamed.has_header("Content-Encoding")
    assert archive.content.decode() == LONG


def test_the_same_page_is_never_compressed_to_the_same_length_twice() -> None:
    """Whoever can have words put into a page could otherwise learn its secrets from its length (BREACH)."""
    assert len({len(answered(HttpResponse(LONG)).content) for _ in range(50)}) > 5
