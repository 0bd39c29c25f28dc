"""Reading tables as spreadsheet programs save and copy them."""

from __future__ import annotations

import codecs

import pytest

from trunks import tables
from trunks.tables import Row, Unreadable

COLUMNS = {"sub_account": ("customer",), "dnis": (), "outbound_caller_id": ("caller id",)}


def read(text: str, most: int = 10) -> list[Row]:
    return tables.read(text, COLUMNS, needed=("sub_account", "dnis"), most=most)


def reasons(text: str, most: int = 10) -> list[str]:
    with pytest.raises(Unreadable) as raised:
        read(text, most)
    return raised.value.reasons


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_columns_may_be_named_and_divided_as_people_do(sign: str, end: str) -> None:
    lines = [
        ("Caller-ID", " Sub  Account", "DNIS"),
        ("+14155550100", '"Smith, Jones; and ""Sons"""', "01234567"),
    ]
    [row] = read(end.join(sign.join(cells) for cells in lines) + end)
    assert row == Row(
        2,
        {"outbound_caller_id": "+14155550100", "sub_account": 'Smith, Jones; and "Sons"', "dnis": "01234567"},
    )
    assert (row.get("dnis"), row.get("kind")) == ("01234567", "")


def test_rows_are_counted_as_a_spreadsheet_program_counts_them() -> None:
    rows = read('customer,dnis\n\n,\n"a\r\nb",1\n c , 2 \n')
    assert [(row.number, row.get("sub_account"), row.get("dnis")) for row in rows] == [
        (4, "a\nb", "1"),
        (5, "c", "2"),
    ]


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("'+14155550100", "+14155550100"),
        ("'01234", "01234"),
        ("'=1+1", "=1+1"),
        ("O'Neill", "O'Neill"),
        ("'t Hof", "'t Hof"),
        ("\u00a01\u00a0", "1"),
    ],
)
def test_the_mark_that_keeps_a_cell_text_is_taken_off(cell: str, kept: str) -> None:
    assert read(f"customer,dnis\n{cell},1")[0].get("sub_account") == kept


def test_short_rows_are_filled_up_and_long_ones_are_told() -> None:
    short, full, empty, long = read("customer,dnis,,\na\nb,1\nc,2,,,\nd,3,x")
    assert (short.get("dnis"), full.get("dnis")) == ("", "1")
    assert [row.surplus for row in (short, full, empty, long)] == [False, False, False, True]
    assert read("customer,dnis\na,1,x")[0].surplus


def test_everything_wrong_with_the_first_row_is_said_at_once() -> None:
    assert reasons("DNIS,dnis,Phone,  \n1,2,3") == [
        "The first row names a column that does not exist: Phone.",
        "The first row names a column twice: dnis.",
        "The first row lacks a column: sub_account.",
    ]


def test_what_is_no_table_is_said_in_words() -> None:
    assert reasons("") == ["The first row lacks a column: sub_account, dnis."]
    assert reasons("customer,dnis\n,\n") == [tables.EMPTY]
    assert reasons("customer,dnis\n" + "a,1\n" * 11) == [
        "At most 10 rows at once; this has 11. Split the table."
    ]
    assert reasons('customer,dnis\n"a,1\n') == [
        "Line 2 cannot be read: a quotation mark is out of place, or a cell is too long."
    ]
    assert reasons("customer,dnis\na\x00,1") == ["The table holds a null character."]


@pytest.mark.parametrize(
    "data",
    [
        "Café".encode(),
        codecs.BOM_UTF8 + "Café".encode(),
        codecs.BOM_UTF16_LE + "Café".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "Café".encode("utf-16-be"),
    ],
)
def test_unicode_is_read_in_the_forms_in_which_it_is_saved(data: bytes) -> None:
    assert tables.decoded(data) == "Café"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("Café".encode("latin-1"), tables.NOT_TEXT),
        (codecs.BOM_UTF16_LE + b"a", tables.NOT_TEXT),
        (b"PK\x03\x04rest", tables.WORKBOOK),
        (b"\xd0\xcf\x11\xe0rest", tables.WORKBOOK),
    ],
)
def test_other_files_are_refused_with_what_to_do(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as raised:
        tables.decoded(data)
    assert raised.value.reasons == [reason]


@pytest.mark.parametrize("text", ["x" * 200_000, "customer,dnis," + "x" * 200_000 + "\na,1", "," * 199_000])
def test_a_first_row_of_any_length_is_answered_in_words(text: str) -> None:
    assert reasons(text)
