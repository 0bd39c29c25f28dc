"""The form of a new webhook."""

from __future__ import annotations

from django import forms

from trunks.forms.problems import Problem, of_fields
from trunks.models.webhook import HOOK_TOPICS, HOOK_WORDS


class WebhookForm(forms.Form):
    """Where to, and what of. Whether it may be is the workflow's to say."""

    name = forms.CharField(label="Name", required=False, max_length=80, help_text="Such as Ticketing.")
    url = forms.CharField(
        label="Address",
        required=False,
        max_length=500,
        widget=forms.URLInput(attrs={"inputmode": "url", "autocomplete": "off"}),
        help_text="https only. Redirects are not followed.",
    )
    topics = forms.MultipleChoiceField(
        label="Notified of",
        required=False,
        choices=[(topic.value, words) for topic, words in HOOK_WORDS.items()],
        widget=forms.CheckboxSelectMultiple,
        initial=[topic.value for topic in HOOK_TOPICS],
    )

    use_required_attribute = False

    def summary(self) -> list[Problem]:
        """Return every problem in the order of the page, each with the id of its field."""
        return of_fields(self)
