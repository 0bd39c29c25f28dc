"""The form of a person's choices: how to hear of what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from trunks.forms.problems import Problem, of_fields
from trunks.models import How, Topic
from trunks.models.notice import ALARMS
from trunks.workflow import choosing

SHOWN = tuple(topic for topic in Topic if topic not in ALARMS)
DIGEST_LABELS = {How.AT_ONCE: "Every morning", How.NEVER: "Only what I chose to hear in it"}


class ChoicesForm(forms.Form):
    """One choice for each topic; alarms are not among them."""

    use_required_attribute = False

    def __init__(self, data: Mapping[str, Any] | None, *, now: Mapping[Topic, How]) -> None:
        super().__init__(data)
        for topic in SHOWN:
            labels = DIGEST_LABELS if topic == Topic.DIGEST else {}
            offered = [(way.value, labels.get(way, way.label)) for way in choosing.ways(topic)]
            self.fields[topic.value] = forms.ChoiceField(
                label=topic.label,
                choices=offered,
                initial=now[topic].value,
                error_messages={"required": "Choose one.", "invalid_choice": "Choose one of those offered."},
            )

    def chosen(self) -> dict[Topic, How]:
        return {topic: How(self.cleaned_data[topic.value]) for topic in SHOWN}

    def summary(self) -> list[Problem]:
        """Return every problem in the order of the page, each with the id of its field."""
        return of_fields(self)
