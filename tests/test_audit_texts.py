"""The index of the texts finds what stands in a line of an event, and forgets it with the event."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.http import QueryDict

from tests import texts, trail
from tests.bench import events
from trunks import audit_index, audit_texts
from trunks.audit_reading import Filters
from trunks.forms.audit import AuditFilter
from trunks.models import User

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

EVENTS = 300


def test_a_line_of_any_length_is_found(manager: User) -> None:
    remark = "needle " + "straw " * 2_000
    texts.remark(remark + "end of the first", "short", remark + "end of the second")
    for words, expected in {"of the first": [1], "of the second": [3], "needle straw": [3, 1]}.items():
        assert texts.listed(manager, Filters(q=words)) == expected, words


def test_no_words_go_over_the_end_of_a_line(manager: User) -> None:
    texts.remark("first line\nsecond line")
    assert texts.listed(manager, Filters(q="second line")) == [1]
    form = AuditFilter(QueryDict("q=line%0Asecond"), user=manager, standing=audit_index.standing())
    assert form.filters().q == "line second"
    assert texts.listed(manager, form.filters()) == []


def test_what_is_gone_is_not_found_and_what_others_say_still_is(manager: User) -> None:
    texts.remark("only once", "said twice", "said twice")
    assert texts.listed(manager, Filters(q="only once")) == [1]
    audit_index.forget(2)
    assert texts.listed(manager, Filters(q="only once")) == []
    assert texts.listed(manager, Filters(q="said twice")) == [3]


def test_an_index_that_is_made_later_has_what_was_written_before(manager: User) -> None:
    events.populate(EVENTS)
    before = texts.listed(manager, Filters(q="contract 1"))
    assert before
    texts.take_index_away()
    assert not audit_texts.exists()
    assert audit_index.index_texts() == ""
    assert audit_texts.exists()
    assert texts.listed(manager, Filters(q="contract 1")) == before
    assert audit_index.index_texts() == "", "once more is no mistake"


@pytest.mark.django_db(transaction=True)
def test_what_a_test_has_committed_is_gone_from_it_as_well(manager: User) -> None:
    texts.remark("left behind")
    assert texts.listed(manager, Filters(q="left behind")) == [1]
    assert trail.query("SELECT count(*) FROM trunks_audittext") == [(1,)]
    call_command("flush", interactive=False)
    assert trail.query("SELECT count(*) FROM trunks_audittext") == [(0,)]
