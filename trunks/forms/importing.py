"""The form that takes a table: a file or pasted text, and what holds for all of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from trunks import access, tables
from trunks.forms.choices import NO_CHOICE
from trunks.forms.problems import Problem, of_fields
from trunks.forms.why import WhyForm
from trunks.models import MasterAccount, User
from trunks.workflow import importing
from trunks.workflow.importing import Common, Plan, Trouble

MOST_CHARACTERS = 200_000
MOST_PROBLEMS = 10  # in the summary; all of them stand beside their rows
NO_TABLE = "Choose a file, or paste a table."


class ImportForm(WhyForm):
    """A table of requests. What it comes to is `plan`; what is wrong with its rows is `troubles`.

    A file takes the place of what stands in the text field, so that it can be mended there.
    """

    master: forms.ModelChoiceField[MasterAccount] = forms.ModelChoiceField(
        label="Master account",
        queryset=MasterAccount.objects.none(),
        empty_label="Choose the master account",
        error_messages={"required": "Choose the master account."} | NO_CHOICE,
    )
    file = forms.FileField(
        label="File",
        required=False,
        help_text="CSV with commas, semicolons or tabs, in UTF-8.",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
        error_messages={"empty": "The file is empty."},
    )
    table = forms.CharField(
        label="Table",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, "class": "mono", "spellcheck": "false", "wrap": "off"}),
        help_text=(
            "Paste rows from a spreadsheet, the names of the columns first."
            " The rows of a file are shown here after the check."
        ),
    )

    field_order = ("master", "file", "table", "reason", "ticket", "not_before")
    use_required_attribute = False

    def __init__(
        self, data: Mapping[str, Any] | None = None, files: Mapping[str, Any] | None = None, *, user: User
    ) -> None:
        super().__init__(data, files)
        self.user = user
        self.masters = list(access.fileable_masters(user))
        self.rows: list[tables.Row] = []
        self.troubles: list[Trouble] = []
        self.plan = Plan([], [])
        self.chosen_master: MasterAccount | None = None
        field: Any = self.fields["master"]
        field.queryset = access.fileable_masters(user)
        if len(self.masters) == 1:
            del self.fields["master"]
        # A row can say it for itself; the workflow misses it where none does.
        self.fields["reason"].required = False
        self.fields["reason"].help_text = "For every row that has none of its own."
        self.fields["ticket"].help_text = "For every row that has none of its own. Such as CASE-1234."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        text = self._text(cleaned.get("file"), cleaned.get("table", ""))
        master = cleaned.get("master") or (self.masters[0] if len(self.masters) == 1 else None)
        if text.strip() and master and "table" not in self.errors:
            self._look(text, master)
        return cleaned

    def _text(self, file: UploadedFile[Any] | None, typed: str) -> str:
        """Return the table as text, and let the page show that of a file."""
        text = typed
        if file is not None:
            try:
                text = tables.decoded(file.read())
            except tables.Unreadable as error:
                self.add_error("file", error.reasons)
                return ""
            self.data = {**self.data, "table": text}
        if not text.strip() and "table" not in self.errors:
            self.add_error("table", NO_TABLE)
        if len(text) > MOST_CHARACTERS:
            self.add_error(
                "table", f"At most {MOST_CHARACTERS:,} characters; this has {len(text):,}. Split it."
            )
        return text

    def _look(self, text: str, master: MasterAccount) -> None:
        typed = self.cleaned_data
        common = Common(master, typed.get("reason", ""), typed.get("ticket", ""), typed.get("not_before"))
        try:
            self.rows = tables.read(
                text, importing.COLUMNS, needed=importing.NEEDED, most=importing.MOST_ROWS
            )
        except tables.Unreadable as error:
            self.add_error("table", error.reasons)
            return
        self.chosen_master = master
        self.plan = importing.plan(self.rows, common, actor=self.user)
        self.troubles = [trouble for trouble in self.plan.troubles if trouble.row]
        for trouble in self.plan.troubles:
            if not trouble.row and trouble.column not in self.errors:
                self.add_error(trouble.column, trouble.text)

    def is_valid(self) -> bool:
        """Say whether everything in the table could be filed as it stands."""
        return super().is_valid() and not self.troubles

    def bad_rows(self) -> list[tuple[tables.Row, list[Trouble]]]:
        """Return the rows that something is wrong with, and what."""
        found: dict[int, list[Trouble]] = {}
        for trouble in self.troubles:
            found.setdefault(trouble.row, []).append(trouble)
        return [(row, found[row.number]) for row in self.rows if row.number in found]

    def summary(self) -> list[Problem]:
        """Return what is wrong, in the order of the page and of the table, with the place to go to."""
        found = [*of_fields(self), *_told(self.troubles[:MOST_PROBLEMS])]
        more = len(self.troubles) - MOST_PROBLEMS
        return [*found, Problem(f"{more} more are shown beside their rows.", "rows")] if more > 0 else found


def _told(troubles: Iterable[Trouble]) -> Iterable[Problem]:
    for trouble in troubles:
        column = f", {trouble.column}" if trouble.column else ""
        yield Problem(f"Row {trouble.row}{column}: {trouble.text}", f"row-{trouble.row}")
