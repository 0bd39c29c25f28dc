"""Reading a table that somebody saved or copied from a spreadsheet program: pure functions.

The first row names the columns, in any order, case and spelling of spaces. Commas, semicolons and tabs are understood.
Numbers stay text, with their leading zeros.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

DELIMITERS = ",;\t"
# What a spreadsheet program puts before a cell so that another does not take it for a formula or a number.
_AS_TEXT = re.compile(r"\A'(?=[+=@0-9-])")
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")

NOT_TEXT = (
    "This is not text in UTF-8. Save the table as “CSV UTF-8” in the spreadsheet program, or paste it here."
)
WORKBOOK = "This is a spreadsheet program's own file. Save the table as “CSV UTF-8” there, or paste it here."
EMPTY = "The table has no rows below its first, which names the columns."


class Unreadable(Exception):
    """It is no table, or not one that can be understood; `reasons` says all that is wrong, each in a sentence."""

    def __init__(self, *reasons: str) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = list(reasons)


@dataclass(frozen=True)
class Row:
    """One row: its number as a spreadsheet program counts, the first being that of the names, and its cells."""

    number: int
    cells: Mapping[str, str]
    surplus: bool = False

    def get(self, column: str) -> str:
        """Return the cell under a column, "" where there is none."""
        return self.cells.get(column, "")


def decoded(data: bytes) -> str:
    """Return the text of a file: UTF-8, or UTF-16 that says so. Raises Unreadable."""
    if data.startswith(_WORKBOOKS):
        raise Unreadable(WORKBOOK)
    encoding = next((name for bom, name in _BOMS.items() if data.startswith(bom)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(NOT_TEXT) from error


def read(text: str, columns: Mapping[str, Iterable[str]], *, needed: Sequence[str], most: int) -> list[Row]:
    """Return the rows of `text` that are not empty, at most `most` of them.

    `columns` maps each column to the other names that it goes by; `needed` must be there. Raises Unreadable.
    """
    if "\x00" in text:
        raise Unreadable("The table holds a null character.")
    names = {_plain(name): column for column, others in columns.items() for name in (column, *others)}
    text = text.lstrip("\ufeff")
    records = _records(text, max(DELIMITERS, key=lambda sign: _known(text, sign, names)))
    head, *body = records or [[]]
    found = _columns(head, names, needed)
    rows = [
        _row(number, cells, found) for number, cells in enumerate(body, start=2) if any(map(str.strip, cells))
    ]
    if not rows:
        raise Unreadable(EMPTY)
    if len(rows) > most:
        raise Unreadable(f"At most {most} rows at once; this has {len(rows)}. Split the table.")
    return rows


def _known(text: str, delimiter: str, names: Mapping[str, str]) -> int:
    """Return how many columns the first row names when it is divided by `delimiter`, 0 where a cell is too long."""
    try:
        head = next(csv.reader(text.splitlines()[:1], delimiter=delimiter), [])
    except csv.Error:
        return 0
    return sum(_plain(cell) in names for cell in head)


def _records(text: str, delimiter: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        raise Unreadable(
            f"Line {reader.line_num} cannot be read: a quotation mark is out of place, or a cell is too long."
        ) from error


def _columns(head: list[str], names: Mapping[str, str], needed: Sequence[str]) -> list[str]:
    """Return the column of each cell of a row, "" for one without a name. Raises Unreadable."""
    found = [names.get(_plain(cell), "") for cell in head]
    wrong = []
    if unknown := [
        cell.strip() for cell, column in zip(head, found, strict=True) if cell.strip() and not column
    ]:
        wrong.append(f"The first row names a column that does not exist: {', '.join(unknown)[:200]}.")
    if twice := sorted({column for column in found if column and found.count(column) > 1}):
        wrong.append(f"The first row names a column twice: {', '.join(twice)}.")
    if missing := [column for column in needed if column not in found]:
        wrong.append(f"The first row lacks a column: {', '.join(missing)}.")
    if wrong:
        raise Unreadable(*wrong)
    return found


def _row(number: int, cells: list[str], columns: list[str]) -> Row:
    named = {column: _cell(cell) for column, cell in zip(columns, cells, strict=False) if column}
    nameless = [cell for column, cell in zip(columns, cells, strict=False) if not column]
    surplus = any(cell.strip() for cell in (*nameless, *cells[len(columns) :]))
    return Row(number, named, surplus)


def _cell(cell: str) -> str:
    return _AS_TEXT.sub("", cell.strip().replace("\r\n", "\n"))


def _plain(name: str) -> str:
    """Return a column's name without what people write differently."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()
