"""On PostgreSQL words are looked for among the lines that differ; a line that no event has any more is forgotten."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest
from django.db import connection

from tests import texts
from tests.bench import events
from trunks import audit, audit_finding, audit_index, audit_texts
from trunks.audit_reading import Filters
from trunks.models import AuditEntry, User

pytestmark = pytest.mark.django_db

MIGRATION = importlib.import_module("trunks.migrations.0024_audit_texts")
EVENTS = 300


def lines() -> dict[int, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, text FROM trunks_auditline")
        return dict(cursor.fetchall())


def in_index() -> dict[int, set[str]]:
    """Return the lines of each event, as the index has them."""
    known = lines()
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_id, lines FROM trunks_audittext")
        return {event: {known[number] for number in numbers} for event, numbers in cursor.fetchall()}


def expected() -> dict[int, set[str]]:
    entries = AuditEntry.objects.values_list("event_id", "text")
    return {event: set(text.split("\n")) - {""} for event, text in entries}


def test_each_line_is_there_once_however_often_it_is_said(manager: User) -> None:
    events.populate(EVENTS)
    found = list(lines().values())
    assert len(found) == len(set(found)) < EVENTS
    assert in_index() == expected()
    audit_index.rebuild()
    assert in_index() == expected()


def test_a_line_is_forgotten_with_its_last_event(manager: User) -> None:
    texts.remark("only once", "said twice", "said twice")
    assert audit_index.standing().behind == 0
    audit_index.forget(2)
    assert "only once" not in lines().values()
    assert "said twice" in lines().values()
    assert in_index() == expected()


def test_words_of_very_many_lines_are_met_on_the_way(manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    events.populate(EVENTS)
    monkeypatch.setattr(audit_texts, "MOST_LINES", 2)
    for filters in (Filters(q="tr-0"), Filters(q="tr-0", actions=("request.filed",))):
        assert audit_texts.lines_with(filters.q) is None
        wanted = list(audit.search(manager, filters).values_list("pk", flat=True))
        assert len(wanted) > 2
        assert texts.listed(manager, filters) == wanted


@pytest.mark.parametrize("few", [0, 10_000])
def test_few_lines_and_many_are_asked_for_in_two_ways_and_find_the_same(
    manager: User, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    events.populate(EVENTS)
    monkeypatch.setattr(audit_texts, "FEW_LINES", few)
    monkeypatch.setattr(audit_finding, "FURTHER", 0)
    monkeypatch.setattr(audit_finding, "TOGETHER", 1)
    for filters in (Filters(q="contract 1"), Filters(q="tr-00", outcome="done"), Filters(q="no such words")):
        wanted = list(audit.search(manager, filters).values_list("pk", flat=True))
        assert texts.listed(manager, filters) == wanted


def test_an_upgrade_takes_over_the_texts_that_are_there(
    manager: User, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    events.populate(EVENTS)
    texts.take_index_away()
    with monkeypatch.context() as patch:
        patch.setattr(MIGRATION, "FORWARDS", ("CREATE NONSENSE",))
        MIGRATION.search_lines(None, SimpleNamespace(connection=connection))
    assert "newest events only" in capsys.readouterr().err
    assert not audit_texts.exists()
    MIGRATION.search_lines(None, SimpleNamespace(connection=connection))
    assert in_index() == expected()
