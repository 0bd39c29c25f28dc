"""What counts as a DNIS and as a caller ID."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trunks import numbers

DIGITS_ONLY = "digits 0 to 9 only"
FIVE_TO_EIGHT = "5 to 8 digits"
PREFIX = "must begin with 18888"

_digits = st.text("0123456789", max_size=12)


@pytest.mark.parametrize("dnis", ["18888", "188881", "1888812", "18888123", "18888000"])
def test_a_dnis_of_five_to_eight_digits_under_the_prefix_is_good(dnis: str) -> None:
    assert numbers.dnis_problems(dnis, "18888") == []


def test_leading_zeros_count() -> None:
    assert numbers.dnis_problems("00001234", "00001") == []
    assert numbers.dnis_problems("1234", "00001") != []


@pytest.mark.parametrize(
    ("dnis", "words"),
    [
        ("1888", [FIVE_TO_EIGHT, PREFIX]),
        ("188881234", [FIVE_TO_EIGHT]),
        ("90001123", [PREFIX]),
        ("18888 12", [DIGITS_ONLY]),
        (" 1888812", [DIGITS_ONLY, PREFIX]),
        ("18888123 ", [DIGITS_ONLY]),
        ("18888 123", [DIGITS_ONLY]),
        ("18888 1234", [DIGITS_ONLY, "this has 9"]),
        ("+1888812", [DIGITS_ONLY, PREFIX]),
        ("-1888812", [DIGITS_ONLY, PREFIX]),
        ("18888a23", [DIGITS_ONLY]),
        ("18888.12", [DIGITS_ONLY]),
        ("18888123\n", [DIGITS_ONLY]),
        ("18888\x00", [DIGITS_ONLY]),
        ("18888１２３", [DIGITS_ONLY]),  # full-width digits
        ("١٨٨٨٨١٢٣", [DIGITS_ONLY, PREFIX]),
        ("18888²", [DIGITS_ONLY]),
        ("<b>18888", [DIGITS_ONLY, PREFIX]),
    ],
)
def test_a_bad_dnis_is_told_everything_that_is_wrong_with_it(dnis: str, words: list[str]) -> None:
    problems = numbers.dnis_problems(dnis, "18888")
    assert len(problems) == len(words)
    assert all(word in problem for word, problem in zip(words, problems, strict=True))


def test_a_missing_dnis_is_asked_for_and_nothing_else_is_said() -> None:
    assert numbers.dnis_problems("", "18888") == ["Enter a DNIS."]


def test_nothing_can_be_assigned_under_a_trunk_without_a_prefix() -> None:
    assert "no usable DNIS prefix" in " ".join(numbers.dnis_problems("18888123", ""))


def test_the_limits_are_those_the_settings_give() -> None:
    assert numbers.dnis_problems("1234567890", "123", prefix_length=3, max_length=10) == []
    assert "3 to 4 digits" in numbers.dnis_problems("12345", "123", prefix_length=3, max_length=4)[0]


@pytest.mark.parametrize(
    ("dnis", "prefix"),
    [
        ("18888123", "18888"),
        ("1888812345", "18888"),
        ("18888", "18888"),
        ("1888", ""),
        ("", ""),
        ("+1888812", ""),
        ("1 888812", ""),
        ("١٨٨٨٨", ""),
        ("18888x", "18888"),
    ],
)
def test_a_prefix_is_the_first_five_digits_or_none(dnis: str, prefix: str) -> None:
    assert numbers.prefix_of(dnis) == prefix


@given(dnis=st.text(), prefix=st.one_of(st.just(""), st.from_regex(r"\A[0-9]{5}\Z")))
@example(dnis="18888\n", prefix="18888")
def test_a_dnis_is_accepted_exactly_when_it_fits_the_pattern(dnis: str, prefix: str) -> None:
    fits = bool(prefix and re.fullmatch(rf"{prefix}[0-9]{{0,3}}", dnis, re.ASCII))
    assert (numbers.dnis_problems(dnis, prefix) == []) is fits


@given(prefix=st.from_regex(r"\A[0-9]{5}\Z"), rest=_digits)
def test_digits_under_the_prefix_are_accepted_exactly_up_to_the_length(prefix: str, rest: str) -> None:
    assert (numbers.dnis_problems(prefix + rest, prefix) == []) is (len(rest) <= 3)


@pytest.mark.parametrize(
    "caller_id", ["", "+14155550100", "14155550100", "0", "0034600123456", "+1415555", "1" * 32]
)
def test_a_caller_id_is_e164_or_digits_or_nothing(caller_id: str) -> None:
    assert numbers.caller_id_problems(caller_id) == []


@pytest.mark.parametrize(
    ("caller_id", "words"),
    [
        ("+1415555010\r\n0", ["control character"]),
        ("14155550100\n", ["control character"]),
        ("1415\x000100", ["control character"]),
        ("1415\x1b[0m", ["control character"]),
        ("1" * 33, ["at most 32 characters; this has 33"]),
        ("a" * 33, ["at most 32 characters", "E.164"]),
        ("+1 (415) 555-0100", ["without spaces or punctuation"]),
        ("415.555.0100", ["without spaces or punctuation"]),
        ("+0123456789", ["7 to 15 digits"]),
        ("+", ["7 to 15 digits"]),
        ("+123456", ["7 to 15 digits"]),
        ("+1234567890123456", ["7 to 15 digits"]),
        ("Northwind", ["E.164"]),
        ("anonymous@invalid", ["E.164"]),
        ("---", ["E.164"]),
        ("<b>1</b>", ["E.164"]),
        ("１２３４", ["E.164"]),  # full-width digits
        ("++14155550100", ["E.164"]),
    ],
)
def test_a_bad_caller_id_is_told_why(caller_id: str, words: list[str]) -> None:
    problems = numbers.caller_id_problems(caller_id)
    assert len(problems) == len(words)
    assert all(word in problem for word, problem in zip(words, problems, strict=True))


@given(st.text())
@example("+1415555\r\nBcc: x")
def test_a_caller_id_is_accepted_exactly_when_it_fits_the_pattern(caller_id: str) -> None:
    fits = len(caller_id) <= 32 and bool(re.fullmatch(r"(?:\+[1-9][0-9]{6,14}|[0-9]*)", caller_id, re.ASCII))
    assert (numbers.caller_id_problems(caller_id) == []) is fits


@pytest.mark.parametrize(
    "spelling",
    [
        "+34600123456",
        "0034600123456",
        "34600123456",
        "+34 600 123 456",
        "+34600\N{ZERO WIDTH SPACE}123456",
        "\N{LEFT-TO-RIGHT EMBEDDING}+34600123456\N{POP DIRECTIONAL FORMATTING}",
        "+34600\N{NON-BREAKING HYPHEN}123456",
    ],
)
def test_the_spellings_of_one_caller_have_one_key(spelling: str) -> None:
    assert numbers.caller_id_key(spelling) == "34600123456"


@pytest.mark.parametrize(
    "address",
    [
        "tel:+34600123456",
        "sip:+34600123456@192.0.2.123",
        "SIPS:0034600123456@host5.example:5061;transport=tls",
        "sip:34600123456;phone-context=+1@192.0.2.123",
        '"Desk 7" <sip:+34600123456@192.0.2.123>',
        "+34600123456@192.0.2.123",
    ],
)
def test_the_address_of_a_caller_has_the_key_of_its_number(address: str) -> None:
    assert numbers.caller_id_key(address) == "34600123456"


@pytest.mark.parametrize(
    ("shown", "sent"),
    [
        ("+34600123456", "+34600123456"),
        ("0034600123456", "0034600123456"),
        ("100", "100"),
        ("", ""),
        ("+34 600-123\u00a0456", "+34600123456"),
        ("\N{LEFT-TO-RIGHT EMBEDDING}+34600\N{ZERO WIDTH SPACE}123\N{EN DASH}456", "+34600123456"),
        ("sip:+34600123456@pbx.customer-seven.example", "+34600123456"),
        ("sip:reception@pbx.customer-seven.example", "sip:reception@pbx.customer-seven"),
        ("tel:+34600123456;ext=12", "tel:+34600123456;ext=12"),
        ("Desk 7", "Desk 7"),
    ],
)
def test_what_a_list_shows_is_sent_again_as_the_portal_writes_numbers(shown: str, sent: str) -> None:
    assert numbers.caller_id_to_send(shown) == sent


def test_an_extension_makes_another_caller() -> None:
    assert numbers.caller_id_key("tel:+34600123456;ext=12") != "34600123456"


def test_another_caller_has_another_key() -> None:
    assert numbers.caller_id_key("+14155550100") != numbers.caller_id_key("+14155550101")


@given(st.text())
def test_the_key_of_any_text_is_of_digits_only(caller_id: str) -> None:
    assert re.fullmatch(r"[0-9]*", numbers.caller_id_key(caller_id), re.ASCII)


def test_the_candidates_are_all_dnis_of_full_length_in_order() -> None:
    found = list(numbers.candidates("18888"))
    assert (found[0], found[-1], len(found)) == ("18888000", "18888999", 1000)
    assert found == sorted(set(found))


def test_a_prefix_of_full_length_is_its_own_only_candidate() -> None:
    assert list(numbers.candidates("18888123")) == ["18888123"]


@given(st.sets(st.integers(0, 99)))
def test_the_next_free_is_the_lowest_that_is_not_taken(taken: set[int]) -> None:
    free = sorted(set(range(1000)) - taken)[0]
    assert numbers.next_free("18888", {f"18888{number:03}" for number in taken}) == f"18888{free:03}"


def test_a_range_that_is_used_up_has_no_next() -> None:
    assert numbers.next_free("1234", {f"1234{number}" for number in range(10)}, max_length=5) is None


@pytest.mark.parametrize(
    ("shown", "may"),
    [
        ("9001500", True),
        ('"09001500"', True),
        ("09001500@zoom", True),
        ("09001500", False),
        ("90015001", False),
        ("009001500", False),
        ("9001500@zoom", False),
        ("dolore43tr4u", False),
        ("", False),
    ],
)
def test_a_dnis_in_another_spelling_is_suspected(shown: str, may: bool) -> None:
    assert numbers.may_mean(shown, "09001500") is may
