"""The lines of the request form: as many as were posted, blank ones left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from trunks.forms.choices import NOT_A_CHOICE
from trunks.models import Kind, MasterTrunk
from trunks.workflow.filing import LineDraft

_NAME = re.compile(r"lines-([0-9]{1,4})-(trunk|current_dnis|dnis|outbound_caller_id)\Z")
FIELDS: dict[str, tuple[str, ...]] = {
    Kind.ASSIGN: ("trunk", "dnis", "outbound_caller_id"),
    Kind.UNASSIGN: ("trunk", "dnis"),
    Kind.CHANGE: ("trunk", "current_dnis", "dnis", "outbound_caller_id"),
}


# What the page calls the fields of a kind: a summary of problems that says it otherwise leads astray.
LABELS: dict[str, dict[str, str]] = {
    Kind.UNASSIGN: {"dnis": "DNIS to remove"},
    Kind.CHANGE: {"dnis": "New DNIS", "outbound_caller_id": "New caller ID"},
}


class TrunkSelect(forms.Select):
    """A choice of trunks whose options carry their prefix, for the preview in the page."""

    trunks: Mapping[str, MasterTrunk] = {}

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(name, value, *args, **kwargs)
        if trunk := self.trunks.get(str(value)):
            option["attrs"]["data-prefix"] = trunk.prefix
        return option


class LineForm(forms.Form):
    """One line. An empty trunk or DNIS is let through: the workflow says what is missing, in its own words.

    Every line has the fields of every kind, so that the kind can be changed in the page; those that `kind` has no use
    for keep what was typed and are not looked at.
    """

    use_required_attribute = False

    current_dnis = forms.CharField(label="Present DNIS", required=False, strip=False)
    trunk = forms.CharField(label="Master trunk", required=False, strip=False, widget=TrunkSelect)
    dnis = forms.CharField(label="DNIS", required=False, strip=False)
    outbound_caller_id = forms.CharField(label="Caller ID", required=False, strip=False)

    def __init__(
        self,
        *args: Any,
        trunks: Mapping[str, MasterTrunk],
        offered: Iterable[MasterTrunk],
        kind: str = Kind.ASSIGN,
        number: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.trunks = trunks
        self.used = FIELDS.get(kind, FIELDS[Kind.CHANGE])
        self.number = number
        for name, words in LABELS.get(kind, {}).items():
            self.fields[name].label = words
        widget = self.fields["trunk"].widget
        widget.trunks = trunks
        widget.choices = [("", "Choose a trunk"), *((str(trunk.pk), label(trunk)) for trunk in offered)]
        chosen = trunks.get(str(self["trunk"].value() or ""))
        if chosen and chosen not in offered:
            widget.choices.append((str(chosen.pk), f"{label(chosen)} (not offered here)"))
        typing = {"autocomplete": "off", "spellcheck": "false"}
        for name in ("current_dnis", "dnis"):
            self.fields[name].widget.attrs = {**typing, "inputmode": "numeric", "class": "mono"}
        self.fields["current_dnis"].widget.attrs["list"] = "present-dnis"
        self.fields["outbound_caller_id"].widget.attrs = typing | {"inputmode": "tel", "class": "mono"}

    @property
    def is_blank(self) -> bool:
        return not any(str(self[name].value() or "").strip() for name in self.used)

    def full_clean(self) -> None:
        super().full_clean()
        for name in set(self.errors) & (set(self.fields) - set(self.used)):
            del self.errors[name]

    def clean_trunk(self) -> MasterTrunk | None:
        value = self.cleaned_data["trunk"]
        if value and value not in self.trunks:
            raise ValidationError(NOT_A_CHOICE)
        return self.trunks.get(value)

    def clean_current_dnis(self) -> str:
        return without_margins(self.cleaned_data["current_dnis"])

    def clean_dnis(self) -> str:
        return without_margins(self.cleaned_data["dnis"])

    def clean_outbound_caller_id(self) -> str:
        return without_margins(self.cleaned_data["outbound_caller_id"])

    def draft(self) -> LineDraft:
        return LineDraft(
            trunk=self.cleaned_data.get("trunk"),
            dnis=self.cleaned_data.get("dnis", ""),
            outbound_caller_id=self.cleaned_data.get("outbound_caller_id", ""),
            current_dnis=self.cleaned_data.get("current_dnis", ""),
        )


def without_margins(value: str) -> str:
    """Strip the white space around it, which copying from a table brings along: tabs and no-break spaces as well.

    What stands within, and characters of no width, stay: they are refused, not hidden.
    """
    return value.strip()


def label(trunk: MasterTrunk) -> str:
    return f"{trunk} (prefix {trunk.prefix or 'unusable'})"


def posted_lines(data: Mapping[str, Any]) -> dict[int, dict[str, str]]:
    """Return what was typed by line number, whatever a management form says: the keys cannot disagree with it."""
    found: dict[int, dict[str, str]] = {}
    for name in data:
        if match := _NAME.match(name):
            found.setdefault(int(match[1]), {})[match[2]] = data[name]
    return dict(sorted(found.items()))
