"""The forms of the monthly review."""

from __future__ import annotations

from django import forms

from trunks.models import Mark


class MarkForm(forms.Form):
    """How something that was drawn is found, and the question in words."""

    mark = forms.ChoiceField(
        label="Finding",
        # Nothing is proposed: who marks has to say it.
        choices=[("", "Choose"), *((mark.value, mark.label) for mark in (Mark.IN_ORDER, Mark.QUESTION))],
        error_messages={"required": "Choose in order or question."},
    )
    comment = forms.CharField(
        label="Comment", required=False, strip=True, widget=forms.Textarea(attrs={"rows": 2})
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)
