"""How problems come into a form and out of it."""

from django import forms

from trunks.forms.problems import of_fields, show


class Form(forms.Form):
    name = forms.CharField(max_length=3)
    day = forms.DateField()


def bound(**typed: str) -> Form:
    form = Form(typed)
    form.is_valid()
    return form


def test_what_the_workflow_says_stands_beside_its_field_or_above_them_all() -> None:
    form = bound(name="Ada", day="2026-11-28")
    show(form, {"day": ["It is over."], "__all__": ["Nothing was changed."], "roles": ["Choose one."]})
    assert form.errors == {"day": ["It is over."], "__all__": ["Nothing was changed.", "Choose one."]}


def test_a_field_that_has_a_problem_of_its_own_keeps_that_alone() -> None:
    form = bound(name="Grace", day="2026-11-28")
    own = list(form.errors["name"])
    show(form, {"name": ["Give a name."]})
    assert form.errors["name"] == own


def test_the_summary_names_each_field_in_the_order_of_the_page_and_leads_to_it() -> None:
    form = bound(name="", day="tomorrow")
    told = [(problem.text.partition(":")[0], problem.anchor) for problem in of_fields(form)]
    assert told == [("Name", "id_name"), ("Day", "id_day")]
