"""What stands around every page is looked up and drawn once, and is what Django would have made of it."""

from __future__ import annotations

import pytest
from django.template import engines
from django.templatetags.static import static
from django.test import RequestFactory
from django.urls import NoReverseMatch, reverse

from trunks.templatetags import frame
from trunks.views.navigation import Item

EVIL = "<b>\"'&"


def drawn(text: str, **given: object) -> str:
    return str(engines["drawing"].from_string(text).render(given, RequestFactory().get("/")))


def test_an_address_without_anything_in_it_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    page = engines["drawing"].from_string("{% url 'audit' %} {% url \"home\" %}")
    assert page.render({}) == "/audit/ /"
    monkeypatch.setattr("django.urls.reverse", lambda *_, **__: "/elsewhere/")
    assert page.render({}) == "/audit/ /"


def test_an_address_that_depends_on_the_page_is_made_for_each() -> None:
    page = engines["drawing"].from_string("{% url name %} {% url 'audit_person' pk %}")
    assert page.render({"name": "audit", "pk": 3}) == "/audit/ /audit/people/3/"
    assert page.render({"name": "home", "pk": 4}) == "/ /audit/people/4/"
    assert drawn("{% url 'audit_person' pk=5 %}") == "/audit/people/5/"
    assert drawn("{% url 'audit' as there %}{% if there %}to {{ there }}{% endif %}") == "to /audit/"
    assert drawn("{% url 'no_such_page' as there %}[{{ there }}]") == "[]"
    with pytest.raises(NoReverseMatch):
        drawn("{% url 'no_such_page' %}")


def test_a_file_has_the_address_that_django_gives_it() -> None:
    assert drawn("{% asset 'portal/portal.css' %}") == static("portal/portal.css")


def test_a_line_of_the_menu_says_where_one_is_and_how_many_wait() -> None:
    here = Item("Approvals", reverse("approvals"), "inbox", active=True, count=3)
    other = Item("Home", "/", "house", active=False)
    shown = frame.menu([here, other])
    assert '<a class="nav-link" href="/approvals/" aria-current="page">' in shown
    assert shown.count("aria-current") == 1
    assert shown.count('<li class="nav-item active">') == 1
    assert ", waiting: </span>3</span>" in shown
    assert shown.count("nav-count") == 1
    assert shown.index("Approvals") < shown.index("Home")
    assert EVIL not in frame.menu([Item(EVIL, EVIL, "house", active=False)])
