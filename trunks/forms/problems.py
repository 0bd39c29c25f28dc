"""How problems come into a form from the workflow, and out of it into the summary at the head of the page."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms

from trunks.workflow.errors import Problems


@dataclass(frozen=True)
class Problem:
    """One line of the summary: what is wrong, and the field to go to."""

    text: str
    anchor: str = ""


def show(form: forms.BaseForm, problems: Problems) -> None:
    """Put the workflow's sentences beside their fields, or above them all where the form has no such field.

    A field that has a problem of its own keeps that alone: what it holds is not what the workflow has looked at.
    """
    for name, sentences in problems.items():
        if name not in form.fields:
            form.add_error(None, sentences)
        elif name not in form.errors:
            form.add_error(name, sentences)


def of_fields(form: forms.Form) -> list[Problem]:
    """Return every problem of the form's fields in the order of the page, each with the id of its field."""
    return [Problem(f"{field.label}: {text}", field.auto_id) for field in form for text in field.errors]
