"""A page that the index finds holds the same events as asking each event would."""

import random
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.bench import events
from trunks import audit, audit_finding, audit_index
from trunks.actions import Action
from trunks.audit_finding import Found
from trunks.audit_reading import Filters
from trunks.models import AuditEntry, AuditFacet, AuditIndexed, MasterAccount, Role, User
from trunks.models.audit_event import AuditEvent

pytestmark = pytest.mark.sqlite

EVENTS = 700


@pytest.fixture
def year(db: None) -> None:
    """Put a small year of events on record."""
    events.populate(EVENTS)


def found(user: User, filters: Filters, **place: Any) -> Found:
    return audit_finding.find(user, filters, audit_index.standing(), **place)


def numbers(page: Found) -> list[int]:
    return [event.pk for event in page.rows]


def all_pages(user: User, filters: Filters, size: int, *, newer: bool = False) -> list[int]:
    """Return the numbers of all events in the order of the pages, from one end to the other."""
    collected: list[int] = []
    bound: int | None = None
    while True:
        page = found(user, filters, bound=bound, newer=newer, size=size)
        here = numbers(page)
        collected += reversed(here) if newer else here
        if not page.more:
            return collected
        bound = here[0] if newer else here[-1]


def drawn(chance: random.Random) -> Iterator[Filters]:
    """Yield filters of every kind, alone and together; values that occur and values that do not."""
    sample = list(AuditEvent.objects.order_by("id"))

    def some(name: str) -> Any:
        return getattr(chance.choice(sample), name)

    values: dict[str, Callable[[], Any]] = {
        "actor": lambda: some("actor_id"),
        "actions": lambda: tuple({some("action"), some("action")}),
        "outcome": lambda: chance.choice(("done", "failed", "refused")),
        "object_type": lambda: chance.choice(("trunkrequest", "masteraccount")),
        "master": lambda: some("master_id"),
        "sub_account": lambda: some("sub_account_id"),
        "dnis": lambda: some("dnis").partition(" ")[0],
        "ip": lambda: some("ip"),
        "q": lambda: chance.choice(
            ("customer 1", "person", "contract 1", "pbx", "100%", "no such words", "ne", "TR-0000")
        ),
        "since": lambda: some("at"),
        "until": lambda: some("at"),
    }
    for name, value in values.items():
        yield Filters(**{name: value()})
    for _ in range(60):
        names = chance.sample(sorted(values), chance.randint(2, 3))
        yield Filters(**{name: values[name]() for name in names})


def test_every_page_holds_what_asking_each_event_would_find(year: None, manager: User) -> None:
    chance = random.Random(5)  # noqa: S311  # to draw the same each time
    for filters in drawn(chance):
        expected = list(audit.search(manager, filters).values_list("pk", flat=True))
        size = chance.choice((7, 50))
        assert all_pages(manager, filters, size) == expected, filters
        assert all_pages(manager, filters, size, newer=True) == expected[::-1], filters


def test_many_facets_are_merged_as_few_are(
    year: None, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_finding, "MANY", 0)
    for filters in (Filters(actions=("request.filed",)), Filters(outcome="failed"), Filters(master=0x7FFF)):
        expected = list(audit.search(manager, filters).values_list("pk", flat=True))
        assert all_pages(manager, filters, 5) == expected
        assert all_pages(manager, filters, 5, newer=True) == expected[::-1]


def test_a_manager_of_one_master_account_finds_its_events_and_no_others(year: None) -> None:
    here = cast.person("Hans Here", Role.MANAGER, master=MasterAccount.objects.order_by("pk")[0])
    expected = list(audit.search(here).values_list("pk", flat=True))
    assert 0 < len(expected) < EVENTS
    assert all_pages(here, Filters(), 50) == expected
    assert all_pages(cast.person("Sid Stranger"), Filters(), 50) == []
    other = Filters(master=MasterAccount.objects.order_by("-pk")[0].pk)
    assert all_pages(here, other, 50) == []


def test_how_many_there_are_is_said_only_where_nothing_is_counted_for_it(year: None, manager: User) -> None:
    assert found(manager, Filters()).total == EVENTS
    filed = Filters(actions=("request.filed",))
    assert found(manager, filed).total == audit.search(manager, filed).count()
    assert found(manager, Filters(q="customer")).total is None


def test_what_is_not_in_the_index_yet_is_found_among_the_events(
    year: None, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    AuditIndexed.objects.update(position=5)
    monkeypatch.setattr(audit_index, "STEP", 100)
    assert audit_index.standing().behind == EVENTS - 5
    filters = Filters(actions=("request.filed",))
    expected = list(audit.search(manager, filters).values_list("pk", flat=True))
    assert all_pages(manager, filters, 20) == expected
    assert all_pages(manager, filters, 20, newer=True) == expected[::-1]


def test_a_reader_takes_in_what_was_just_written(year: None, manager: User, estate: cast.Estate) -> None:
    with transaction.atomic():
        audit.record(Action.SYNC_FAILED, actor=manager, on=estate.master)
    page = found(manager, Filters(actor=manager.pk))
    assert numbers(page) == [EVENTS + 1]
    assert audit_index.standing().behind == 0


def test_what_was_just_written_is_no_matter_to_one_who_reads_older_events(
    year: None, manager: User, estate: cast.Estate
) -> None:
    filters = Filters(actions=("request.filed",))
    before = found(manager, filters, bound=EVENTS + 1)
    with transaction.atomic():
        audit.record(Action.SYNC_FAILED, actor=manager, on=estate.master)
    standing = audit_index.standing(EVENTS + 1)
    assert standing.behind == 1
    after = audit_finding.find(manager, filters, standing, bound=EVENTS + 1)
    assert (numbers(after), after.total) == (numbers(before), before.total)
    assert (before.about, after.about) == (False, True)
    everything = audit_finding.find(manager, Filters(), standing, bound=EVENTS + 1)
    assert (everything.total, everything.about) == (EVENTS + 1, False)
    assert audit_index.standing(EVENTS + 2).behind == 0, "what could be on the page is taken in"


def test_the_story_of_one_object_is_asked_of_the_events(year: None, manager: User) -> None:
    filters = Filters(object_type="trunkrequest", object_id="3")
    expected = list(audit.search(manager, filters).values_list("pk", flat=True))
    assert expected
    assert all_pages(manager, filters, 4) == expected


def test_a_moment_is_where_a_page_begins(year: None, manager: User) -> None:
    event = AuditEvent.objects.get(pk=300)
    assert numbers(found(manager, Filters(), bound=audit_finding.beginning_at(event.at), size=2)) == [
        300,
        299,
    ]
    just_before = event.at - timedelta(microseconds=1)
    assert numbers(found(manager, Filters(), bound=audit_finding.beginning_at(just_before), size=1)) == [299]
    assert (
        numbers(
            found(manager, Filters(), bound=audit_finding.beginning_at(timezone.now() - timedelta(days=999)))
        )
        == []
    )


def test_the_number_of_queries_is_the_same_for_every_page(
    year: None, manager: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    assert manager.grants
    for size in (10, 100):
        with django_assert_max_num_queries(4):
            found(manager, Filters(actions=("request.filed",), outcome="done"), size=size)


def test_events_leave_the_index_with_their_archive(year: None, manager: User) -> None:
    audit_index.forget(600)
    requests = audit.search(manager, Filters(object_type="trunkrequest")).filter(pk__gt=600)
    left = found(manager, Filters(object_type="trunkrequest"), size=500)
    assert numbers(left) == list(requests.values_list("pk", flat=True))
    assert sum(AuditFacet.objects.values_list("events", flat=True)) == EVENTS - 600
    assert found(manager, Filters(q="person"), bound=601).rows == []


def test_the_index_can_be_made_anew(year: None, manager: User) -> None:
    before = all_pages(manager, Filters(q="customer 1"), 50)
    AuditEntry.objects.filter(event_id__lt=300).delete()
    audit_index.rebuild()
    assert all_pages(manager, Filters(q="customer 1"), 50) == before
    assert AuditEntry.objects.count() == EVENTS


class Reader(threading.Thread):
    """Reads the trail from the newest page to the oldest, again and again, until told to stop."""

    def __init__(self, user: User, filters: Filters) -> None:
        super().__init__()
        self.user, self.filters = user, filters
        self.walks: list[list[int]] = []
        self.enough = threading.Event()

    def run(self) -> None:
        try:
            while not self.enough.is_set():
                self.walks.append(all_pages(self.user, self.filters, 7))
        finally:
            connection.close()


@pytest.mark.django_db(transaction=True)
def test_no_event_is_skipped_or_shown_twice_while_others_of_the_same_instant_are_written(
    manager: User, estate: cast.Estate
) -> None:
    events_of = [Filters(), Filters(actions=("sync.failed", "sync.finished")), Filters(q="northwind")]
    assert manager.grants
    readers = [Reader(manager, filters) for filters in events_of]
    for reader in readers:
        reader.start()
    for number in range(60):
        with transaction.atomic():  # several of one transaction, and so of one instant on SQLite
            for action in (Action.SYNC_FAILED, Action.SYNC_FINISHED):
                audit.record(action, actor=None, why="test", on=estate.master, comment=f"{number}")
    for reader in readers:
        reader.enough.set()
        reader.join()
    for reader in readers:
        assert reader.walks
        for walk in reader.walks:
            assert walk == list(range(len(walk), 0, -1))
