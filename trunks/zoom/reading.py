"""From the JSON of a successful answer to typed values; a wrong shape is an error, never an empty list.

A list that is empty because Zoom failed would read as "nothing is assigned", and the portal would believe it.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from http.client import PARTIAL_CONTENT
from typing import TypeVar

from trunks.zoom.types import SubAccount, Trunk
from trunks.zoom.verdict import number, parsed
from trunks.zoom.wire import Answer, clean

Item = TypeVar("Item")

_BETWEEN = {"Zs", "Pd", "Cf"}  # spaces and dashes, also those that do not break, and signs that nobody sees
_DIGITS = re.compile(r"[0-9]+")
_MASKED = re.compile(r"[*\u2022]{2}|[xX]{3}")
ID_LENGTH = 200  # what is kept of Zoom's ids; those that are known have 22 characters


class WrongShapeError(Exception):
    """The answer is not what Zoom's API text promises; the words say where."""


def put_together(first: Sequence[Trunk], again: Sequence[Trunk]) -> list[Trunk]:
    """Return the rows of the second reading of a list, and those of the first whose DNIS it does not show."""
    shown = {row.dnis for row in again}
    return [*again, *(row for row in first if row.dnis not in shown)]


def read_assigned(answer: Answer) -> list[Trunk]:
    """Return the trunks in the answer to an assignment: none when the body is empty or has no such list.

    Zoom's text promises both 201 with the trunks and 204 without; the sub account's list is the truth anyway.
    """
    body = _accepted(answer)
    return _items(body, "sip_trunks", _trunk) if isinstance(body, dict) and "sip_trunks" in body else []


def read_done(answer: Answer) -> None:
    """Check that the answer to a write is empty or JSON, not an HTML page of something in between."""
    _accepted(answer)


def read_sub_account(answer: Answer) -> SubAccount:
    """Return one sub account."""
    return _sub_account(_object(answer))


class TrunkPages:
    """Reads the pages of one list of trunks: each returns its trunks and the token of the next page, "" on the last.

    Zoom documents no paging of this list; should it come, the rows of later pages must not look absent. In Zoom's own
    example `total_records` is wrong, so that of a list in one piece nothing but a 0 is believed. Of one in pages the
    least that Zoom counts is: where the order is not the same for each page, some rows come twice and others never. A
    page that counts others and leads to none, as Zoom's older lists do, is not the list.
    """

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._counted: list[int] = []

    def __call__(self, answer: Answer) -> tuple[list[Trunk], str]:
        body = _whole(answer)
        page, token, counted = _page(body, "sip_trunks", _trunk)
        pages = number(body.get("page_count")) or 0
        if pages > 1 and not token and not self._sizes:
            raise WrongShapeError(f"it is one of {pages} pages, and leads to no other")
        if token or self._sizes:
            self._counted.append(counted)
        self._sizes.append(len(page))
        return page, token

    def came_at_once(self, rows: Sequence[Trunk]) -> bool:
        """Say whether the first page was the list: there was no other, or none that brought a row more."""
        return len(self._sizes) == 1 or (len(rows) <= self._sizes[0] and max(self._counted) <= len(rows))

    def lacking(self, rows: Sequence[Trunk]) -> int:
        """Return how many rows Zoom counts, on every page, that it has not shown."""
        return max(0, min(self._counted) - len(rows))


class SubAccountPages:
    """Reads the pages of one listing: each returns its sub accounts and the token of the next page, "" on the last.

    A list that is empty to its end although Zoom counts rows is none; of any other the count proves nothing.
    """

    def __init__(self) -> None:
        self._found = False

    def __call__(self, answer: Answer) -> tuple[list[SubAccount], str]:
        rows, token, counted = _page(_whole(answer), "accounts", _sub_account)
        self._found = self._found or bool(rows)
        if counted > 0 and not self._found and not token:
            raise WrongShapeError(f"the list is empty, and Zoom counts {counted}")
        return rows, token


def _accepted(answer: Answer) -> object:
    if answer.cut:
        raise WrongShapeError(answer.cut)
    if not answer.text.strip():
        return None
    body = parsed(answer.text)
    if body is ...:
        raise WrongShapeError("the answer is not JSON")
    return body


def _object(answer: Answer) -> dict[str, object]:
    body = _accepted(answer)
    if not isinstance(body, dict):
        raise WrongShapeError("the answer is not a JSON object")
    return body


def _whole(answer: Answer) -> dict[str, object]:
    if answer.status == PARTIAL_CONTENT:
        raise WrongShapeError("it is only a part of the list")
    return _object(answer)


def _page(
    body: dict[str, object], key: str, read: Callable[[dict[str, object]], Item]
) -> tuple[list[Item], str, int]:
    """Return the items, the token of the next page and how many items Zoom counts, 0 where it does not say."""
    token, counted = _token(body), number(body.get("total_records"))
    if body.get(key) is None and counted == 0:
        return [], token, 0
    return _items(body, key, read), token, counted or 0


def _token(body: dict[str, object]) -> str:
    """Return the token of the next page, which may be a number, or "" when there is none, as 0 and false say too."""
    return "" if body.get("next_page_token") == 0 else _text(body, "next_page_token")


def _items(body: dict[str, object], key: str, read: Callable[[dict[str, object]], Item]) -> list[Item]:
    rows = body.get(key)
    if not isinstance(rows, list):
        raise WrongShapeError(f"there is no list {key}")
    if not all(isinstance(row, dict) for row in rows):
        raise WrongShapeError(f"{key} holds something that is not an object")
    return [read(row) for row in rows]


def _trunk(row: dict[str, object]) -> Trunk:
    """Read a row of a list. By its DNIS it can be recognised even without an id, but not without both."""
    dnis = _bare(_text(row, "dnis").strip())
    return Trunk(
        id=_id(row, needed=not dnis),
        name=_words(row, "name"),
        sip_server_address=_words(row, "sip_server_address"),
        dnis=dnis,
        number_prefix=_words(row, "number_prefix"),
        outbound_caller_id=_caller_id(row),
    )


def _caller_id(row: dict[str, object]) -> str | None:
    """Return the caller ID, or None where the list does not tell it: absent, or with digits made unreadable.

    Zoom shows numbers so in reports, as 1603****199. Compared or assigned again, it would be taken for the caller ID.
    """
    shown = None if row.get("outbound_caller_id") is None else _text(row, "outbound_caller_id")
    return None if shown and _MASKED.search(shown) else shown


def _bare(dnis: str) -> str:
    """Return the digits of a DNIS that is written as people write numbers, such as "+18888-001"; any other as it is.

    Zoom's examples have bare digits. Were they ever punctuated, an assignment that was carried out would look absent.
    """
    if _DIGITS.fullmatch(dnis):
        return dnis
    signs = unicodedata.normalize("NFKC", dnis).removeprefix("+")
    digits = "".join(
        sign for sign in signs if sign not in "()./" and unicodedata.category(sign) not in _BETWEEN
    )
    return digits if _DIGITS.fullmatch(digits) else dnis


def _sub_account(row: dict[str, object]) -> SubAccount:
    return SubAccount(
        id=_id(row),
        name=_words(row, "account_name"),
        number=_words(row, "account_number"),
        account_type=_words(row, "account_type"),
        owner_email=_words(row, "owner_email"),
        created_at=_words(row, "created_at"),
    )


def _id(row: dict[str, object], *, needed: bool = True) -> str:
    found = _text(row, "id")
    if needed and not found:
        raise WrongShapeError("an item has no id")
    if len(found) > ID_LENGTH:
        raise WrongShapeError(f"an id has more than {ID_LENGTH} characters")
    if found in (".", ".."):  # no call could name it: as part of an address it leads elsewhere
        raise WrongShapeError(f"{found!r} is no id")
    return found


def _words(row: dict[str, object], key: str) -> str:
    """Return a field that nothing depends on; what is no text must not make the whole list unreadable."""
    try:
        return _text(row, key)
    except WrongShapeError:
        return ""


def _text(row: dict[str, object], key: str) -> str:
    """Return a field as text; Zoom writes some ids as JSON numbers, and leaves out what is empty."""
    value = row.get(key)
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise WrongShapeError(f"{key} is not text")
    return clean(str(value))
