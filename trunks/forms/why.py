"""What is asked for once, however many trunks it is about: why, under which ticket, and not before when."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone


class WhyForm(forms.Form):
    reason = forms.CharField(
        label="Reason",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why the customer needs this. Supervisors decide on it, and the audit trail keeps it.",
        error_messages={"required": "Say why this is needed."},
    )
    not_before = forms.DateTimeField(
        label="Not before",
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": "Give date and time, such as 2026-12-01 22:00, or leave it empty."},
    )
    ticket = forms.CharField(label="Ticket", max_length=60, required=False, help_text="Such as CASE-1234.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["not_before"].help_text = (
            f"When the change window opens, in {timezone.get_current_timezone_name()}. "
            "Nothing is sent to Zoom before that, even if it is approved."
        )
