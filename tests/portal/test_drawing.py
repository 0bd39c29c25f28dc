"""What a page was drawn from is free when it is drawn: no cycle keeps it until the collector comes."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from django import forms
from django.http import QueryDict
from django.template import TemplateDoesNotExist, engines
from django.test import RequestFactory

from trunks.audit_index import Standing
from trunks.forms.audit import AuditFilter, KeepView
from trunks.models import User


class Shown:
    """Something that a page shows."""


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def drawn(text: str, **given: object) -> str:
    request = RequestFactory().get("/")
    return str(engines["drawing"].from_string(text).render(given, request))


def test_what_a_template_was_given_is_free_when_it_is_drawn(no_collector: None) -> None:
    shown = Shown()
    kept = weakref.ref(shown)
    words = "{% with other=shown %}{{ request.path }} {{ other.word }}{% endwith %}"
    assert drawn(words, shown=shown) == "/ "
    del shown
    assert kept() is None


def test_a_template_that_is_missing_is_named_as_ever() -> None:
    with pytest.raises(TemplateDoesNotExist, match="nowhere") as missed:
        drawn('{% include "nowhere.html" %}')
    assert missed.value.backend is engines["drawing"]


@pytest.mark.django_db
def test_the_filters_of_the_trail_are_free_when_their_page_is_drawn(
    manager: User, no_collector: None
) -> None:
    asked = QueryDict("q=words&since=2026-03-01&action=request.filed")
    form = AuditFilter(asked, user=manager, standing=Standing(0, 0, [], texts=True))
    keep = KeepView(initial={"query": "q=words"})
    words = '{% load fields %}{{ form.q|control }}{{ form|fields_without:"q" }}{{ keep.name|control }}'
    assert "2026-03-01" in drawn(words, form=form, keep=keep)
    assert not form.errors
    kept: list[weakref.ref[forms.BaseForm]] = [weakref.ref(form), weakref.ref(keep)]
    del form, keep
    assert [one() for one in kept] == [None, None]
