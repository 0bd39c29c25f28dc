"""Controls that are drawn in one go: a browser is told the same by them as by Django's own."""

from __future__ import annotations

from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest
from django import forms
from django.template import engines

from trunks.forms.audit import AuditFilter
from trunks.forms.selects import (
    Known,
    Loose,
    QuickCheck,
    QuickDate,
    QuickHidden,
    QuickInput,
    QuickSelect,
    QuickSelectMany,
    sharing_fields,
)
from trunks.templatetags.fields import fields_without

EVIL = "\"><script>'&"
PAIRS = [("", "Any"), ("Group <b>", [("1", "One & only"), (EVIL, EVIL)]), (3, "Three")]


class Tags(HTMLParser):
    """Collects tags with their attributes, in whatever order these are, and the text between."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, sorted((name, value or "") for name, value in attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append(data.strip())


@pytest.mark.parametrize(
    ("quick", "own", "value"),
    [
        *((QuickInput, forms.TextInput, value) for value in (None, "", "x", EVIL, 7)),
        *((QuickHidden, forms.HiddenInput, value) for value in (None, "x", EVIL)),
        *((QuickDate, forms.DateInput, value) for value in (None, date(2026, 3, 1), "nonsense")),
    ],
)
def test_an_input_is_the_same(quick: type[forms.Widget], own: type[forms.Widget], value: object) -> None:
    given = {"class": "form-control", "id": "id_x", "required": True, "disabled": False, "maxlength": 20}
    drawn, wanted = (widget(attrs={"title": EVIL}).render("x", value, given) for widget in (quick, own))
    assert Tags(drawn).found == Tags(wanted).found
    assert quick().is_hidden == own().is_hidden


@pytest.mark.parametrize("value", [None, "", False, True, "x", EVIL])
def test_a_box_to_tick_is_the_same(value: object) -> None:
    given = {"class": "form-check-input", "id": "id_x", "required": False}
    drawn, wanted = (widget().render("x", value, given) for widget in (QuickCheck, forms.CheckboxInput))
    assert Tags(drawn).found == Tags(wanted).found


def test_what_is_known_and_not_chosen_is_drawn_once() -> None:
    known = Known(PAIRS)
    drawn = [QuickSelect(choices=known).render("x", None) for _ in range(2)]
    wanted = forms.Select(choices=PAIRS).render("x", None)
    assert [Tags(one).found for one in drawn] == [Tags(wanted).found] * 2
    assert known.unchosen is known.unchosen
    chosen = QuickSelect(choices=known).render("x", "3")
    assert Tags(chosen).found == Tags(forms.Select(choices=PAIRS).render("x", "3")).found


def test_shared_fields_are_the_same_in_all_forms_and_hold_nothing_of_one() -> None:
    @sharing_fields
    class Asked(forms.Form):
        number = forms.IntegerField(max_value=5)

    first, second = Asked({"number": "7"}), Asked({"number": "3"})
    assert first.fields["number"] is second.fields["number"]
    assert list(first.errors) == ["number"]
    assert second.is_valid()
    assert second.cleaned_data == {"number": 3}


@pytest.mark.parametrize("value", [None, "1", EVIL, 3, "unknown"])
def test_a_select_is_the_same(value: object) -> None:
    drawn, wanted = (
        widget(choices=PAIRS).render("x", value, {"id": "id_x"}) for widget in (QuickSelect, forms.Select)
    )
    assert Tags(drawn).found == Tags(wanted).found


@pytest.mark.parametrize("values", [[], ["1", "3"], [EVIL]])
def test_a_select_of_several_is_the_same(values: list[str]) -> None:
    drawn, wanted = (
        widget(choices=PAIRS).render("x", values) for widget in (QuickSelectMany, forms.SelectMultiple)
    )
    assert Tags(drawn).found == Tags(wanted).found
    assert list(Known(PAIRS)) == PAIRS


def test_the_trails_filters_hide_what_they_hid() -> None:
    hidden = {name for name, field in AuditFilter.base_fields.items() if field.widget.is_hidden}
    assert hidden == {"sub_account", "object_id"}


@sharing_fields
class Asked(Loose, forms.Form):
    """A form like that of the trail's filters: with shared fields, one of its own, and one that nobody sees."""

    q = forms.CharField(required=False, widget=QuickInput)
    number = forms.IntegerField(label="Number <1>", required=False, widget=QuickInput)
    kind = forms.ChoiceField(choices=PAIRS, required=False, widget=QuickSelect)
    day = forms.DateField(required=False, widget=QuickDate)
    hidden = forms.CharField(required=False, widget=QuickHidden)

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["own"] = forms.ChoiceField(choices=choices, required=False, widget=QuickSelect)


BY_TEMPLATE = """{% for field in form.visible_fields %}{% if field.name != "q" %}
<div><label class="form-label" for="{{ field.id_for_label }}">{{ field.label }}</label>{{ field|control }}{% if field.errors %}{% include "components/field_errors.html" %}{% endif %}</div>
{% endif %}{% endfor %}{% for field in form.hidden_fields %}{{ field }}{% endfor %}"""  # noqa: E501


@pytest.mark.parametrize(
    "given",
    [
        *(
            {},
            {"number": "", "kind": "", "own": ""},
            {"number": "7", "kind": "3", "own": "b", "day": "2026-03-01"},
        ),
        *({"number": EVIL, "hidden": EVIL, "day": EVIL}, {"kind": "unknown"}, {}),
    ],
)
def test_fields_that_are_drawn_in_one_go_are_those_of_a_template(given: dict[str, str]) -> None:
    forms_of_two = [Asked(given, choices=[("", "Any"), (letter, letter)]) for letter in "ba"]
    for form in forms_of_two:
        drawn = fields_without(form, "q")
        wanted = engines["drawing"].from_string(BY_TEMPLATE).render({"form": form})
        assert sorted(map(str, Tags(drawn).found)) == sorted(map(str, Tags(wanted).found))
        assert "<script>" not in drawn


def test_a_field_that_is_asked_for_is_bound_anew() -> None:
    form = Asked({"number": "7"}, choices=[])
    assert form["number"].value() == "7"
    assert [field.name for field in form] == ["q", "number", "kind", "day", "hidden", "own"]
    with pytest.raises(KeyError):
        _ = form["other"]
