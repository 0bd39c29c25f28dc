"""Words that are searched for in the trail: rare and common ones, in any case, and without an index of texts."""

import pytest
from django.core.management import call_command
from django.db import transaction

from tests import cast, test_audit_finding, texts
from tests.test_audit_finding import EVENTS, found, numbers
from trunks import audit, audit_finding, audit_texts
from trunks.actions import Action
from trunks.audit_places import Places
from trunks.audit_reading import Filters
from trunks.models import Role, TrunkRequest, User

pytestmark = pytest.mark.sqlite
year = test_audit_finding.year


def test_a_database_without_an_index_of_texts_searches_the_newest_and_says_so(
    year: None, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts.take_index_away()
    monkeypatch.setattr(audit_finding, "WITHOUT_INDEX", 100)
    page = found(manager, Filters(q="customer 1"), size=500)
    assert page.looked_through == 100
    assert 0 < len(page.rows) <= 100
    assert min(numbers(page)) > EVENTS - 100


def test_words_that_are_just_too_rare_for_the_first_look_are_found_by_a_second(
    year: None, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = numbers(found(manager, Filters(q="customer 1"), size=EVENTS))
    monkeypatch.setattr(audit_finding, "TOGETHER", everything[0] - everything[2] + 1)
    monkeypatch.setattr(audit_finding, "FURTHER", EVENTS**2)
    asked: list[str] = []
    real = audit_finding._by_index

    def by_index(hunt: audit_finding.Hunt, words: str) -> Places:
        asked.append(words)
        return real(hunt, words)

    monkeypatch.setattr(audit_finding, "_by_index", by_index)
    size = len(everything) // 4
    assert numbers(found(manager, Filters(q="customer 1"), size=size)) == everything[:size]
    assert asked == []
    assert numbers(found(manager, Filters(q="customer 1"), size=EVENTS)) == everything
    assert asked == ["customer 1"]


def test_a_word_that_looks_like_a_pattern_is_only_a_word(
    manager: User, trunk_request: TrunkRequest, estate: cast.Estate
) -> None:
    for words in ('50% "off"_!', "'; --", "a_b"):
        with transaction.atomic():
            audit.record(
                Action.SYNC_FAILED, actor=None, why="test", on=estate.master, comment=f"said {words} there"
            )
        assert len(found(manager, Filters(q=words)).rows) == 1, words
    assert found(manager, Filters(q="50%__off")).rows == []


def test_the_database_has_an_index_of_the_texts(db: None) -> None:
    assert audit_texts.exists()


def test_the_command_makes_the_index_of_the_texts_where_it_was_not_allowed(
    year: None, manager: User, capsys: pytest.CaptureFixture[str]
) -> None:
    texts.take_index_away()
    assert not audit_texts.exists()
    page = found(manager, Filters(q="customer 1"), size=10)
    assert len(page.rows) == 10
    call_command("index_audit", anew=True)
    assert "up to date" in capsys.readouterr().out
    assert audit_texts.exists()
    assert numbers(found(manager, Filters(q="customer 1"), size=10)) == numbers(page)


def test_a_database_that_does_not_allow_it_says_why(
    year: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = dict.fromkeys(("postgresql", "sqlite"), ("CREATE NONSENSE",))
    monkeypatch.setattr(audit_texts, "_MAKE", refused)
    texts.take_index_away()
    call_command("index_audit")
    assert "newest events only: " in capsys.readouterr().err


def test_letters_beyond_a_to_z_are_found_in_any_case(manager: User, trunk_request: TrunkRequest) -> None:
    somebody = cast.person("Özgür ÖZDEMİR", Role.STAFF)
    with transaction.atomic():
        audit.record(Action.REQUEST_CHECKED, actor=somebody, on=trunk_request, comment="ÄRGER, Ärger")
    for words in ("ärger", "ÄRGER", "Ärger", "är", "özgür", "ÖZD"):
        for filters in (Filters(q=words), Filters(q=words, actor=somebody.pk)):
            assert [event.actor for event in found(manager, filters).rows][-1:] == [somebody], (
                words,
                filters,
            )
            assert somebody in [event.actor for event in audit.search(manager, filters)], (words, filters)


@pytest.mark.parametrize("words", ["İstanbul", "Straße", "\u039f\u03a3", "\u01c5"])
def test_who_asks_for_words_as_they_were_written_finds_them_in_the_list_and_in_an_export(
    manager: User, words: str
) -> None:
    with transaction.atomic():
        audit.record(Action.ROLE_GRANTED, actor=manager, on=manager, comment=f"in {words} since May")
        audit.record(Action.ROLE_GRANTED, actor=manager, on=manager, comment="elsewhere")
    for filters in (Filters(q=f"in {words} s"), Filters(q=f"in {words} s", actor=manager.pk)):
        assert [event.pk for event in found(manager, filters).rows] == [1]
        assert [event.pk for event in audit.search(manager, filters)] == [1]


@pytest.mark.parametrize(
    "words", ["\u017f", "s", "\xb5", "\u03bc", "\u0130", "i", "\xdf", "\u212a", "k", "100%", "a_b"]
)
def test_the_list_and_an_export_find_the_same_whatever_the_letters(manager: User, words: str) -> None:
    texts = [*"\u017fS\xb5\u03bc\u0130I\xdf\u1e9e\u212aK", "100%", "100", "a_b", "axb"]
    with transaction.atomic():
        for text in texts:
            audit.record(Action.ROLE_GRANTED, actor=manager, on=manager, comment=f"~ {text} ~")
    filters = Filters(q=f"~ {words} ~")
    listed = [event.pk for event in found(manager, filters).rows]
    assert listed, words
    assert [event.pk for event in audit.search(manager, filters)] == listed
