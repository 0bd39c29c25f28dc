"""A short run of `make bench-audit`: by ratios, since a busy machine has no good milliseconds."""

import random

import pytest
from django.core.cache import cache
from django.test import Client

from tests.bench import audit_read, events

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

EVENTS = 20_000


def test_every_page_takes_about_as_long_as_the_first() -> None:
    events.populate(EVENTS)
    client = audit_read.reader()
    longer = _longer_than_the_first(client, seed=1)
    if (
        longer
    ):  # a kind of page that takes longer does so each time; what came between on a busy machine is gone
        again = _longer_than_the_first(client, seed=2)
        assert not longer.keys() & again.keys(), [longer, again]
    cache.clear()
    counts = {audit_read.queries(client, f"/audit/?rows={rows}") for rows in (25, 50, 100)}
    assert len(counts) == 1


def _longer_than_the_first(client: Client, seed: int) -> dict[str, str]:
    found = audit_read.measure(client, 40, seed)
    first = found.pop("first page")
    return {name: f"{name}: {times}; {first}" for name, times in found.items() if times.p50 > 4 * first.p50}


def test_the_pages_that_are_measured_are_of_every_kind() -> None:
    events.populate(300)
    drawn = list(audit_read.pages(60, random.Random(1)))  # noqa: S311  # to draw the same each time
    for name in ("actor=", "action=", "dnis=", "ip=", "sub_account=", "master=", "outcome="):
        assert any(name in address for address in drawn), name
    assert len(audit_read.never_together()) == 5
