"""A short run of `make bench-audit`: by ratios, since a busy machine has no good milliseconds."""

import random

import pytest
from django.core.cache import cache

from tests.bench import audit_read, events

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

EVENTS = 20_000


def test_every_page_takes_about_as_long_as_the_first() -> None:
    events.populate(EVENTS)
    client = audit_read.reader()
    found = audit_read.measure(client, 40, seed=1)
    first = found.pop("first page")
    for name, times in found.items():
        assert times.p50 < 4 * first.p50, (name, str(times), str(first))
    cache.clear()
    counts = {audit_read.queries(client, f"/audit/?rows={rows}") for rows in (25, 50, 100)}
    assert len(counts) == 1
    assert "p95" in str(first)


def test_the_pages_that_are_measured_are_of_every_kind() -> None:
    events.populate(300)
    drawn = list(audit_read.pages(60, random.Random(1)))  # noqa: S311  # to draw the same each time
    for name in ("actor=", "action=", "dnis=", "ip=", "sub_account=", "master=", "outcome="):
        assert any(name in address for address in drawn), name
    assert len(audit_read.never_together()) == 5
