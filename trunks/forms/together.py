"""What is posted to approve several requests at once: which, as the page showed each, and one comment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django import forms

from trunks.forms.decisions import VersionField
from trunks.forms.problems import Problem
from trunks.models import TrunkRequest
from trunks.references import REFERENCE, pk_of, reference_to

# As many as a page of the queue has. Each is looked at and decided on by itself, within one web request.
MOST = 25
ONE = re.compile(rf"({REFERENCE})\.([0-9]{{1,9}})\.([0-9a-f]{{64}})?")


@dataclass(frozen=True)
class Shown:
    """One request as a page showed it: in which version, and standing on which base."""

    pk: int
    version: int
    base: str

    @classmethod
    def of(cls, trunk_request: TrunkRequest) -> Shown:
        return cls(trunk_request.pk, trunk_request.version, trunk_request.base_digest)

    @classmethod
    def read(cls, text: str) -> Shown | None:
        found = ONE.fullmatch(text)
        return cls(pk_of(found[1]), int(found[2]), found[3] or "") if found else None

    def __str__(self) -> str:
        return f"{self.reference}.{self.version}.{self.base}"

    @property
    def reference(self) -> str:
        return reference_to(self.pk)


class ShownField(forms.MultipleChoiceField):
    """The requests that are ticked; each once, however often it was posted."""

    def __init__(self) -> None:
        super().__init__(error_messages={"required": "Tick at least one request."})

    def to_python(self, value: Any) -> list[Any]:
        found = [Shown.read(text) for text in super().to_python(value)]
        if None in found:
            raise forms.ValidationError(VersionField.UNREADABLE)
        return list({one.pk: one for one in reversed(found) if one}.values())[::-1]

    def validate(self, value: list[Any]) -> None:
        if self.required and not value:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        if len(value) > MOST:
            raise forms.ValidationError(f"At most {MOST} at once: untick some.")


class TogetherForm(forms.Form):
    """The requests to approve, and the comment that is kept with each decision."""

    chosen = ShownField()
    comment = forms.CharField(
        label="Comment for all of them",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def summary(self) -> list[Problem]:
        """Return what is wrong, each with the place to go to."""
        places = {"chosen": "together", "comment": self["comment"].auto_id}
        return [Problem(str(text), places[name]) for name, texts in self.errors.items() for text in texts]
