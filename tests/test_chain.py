"""The chain: unambiguous bytes, and a hash that takes in everything before it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunks import chain

WORDS = st.none() | st.text(max_size=5) | st.integers(-5, 5)
VALUES = st.fixed_dictionaries(dict.fromkeys(chain.FIELDS, WORDS))
EVENT: dict[str, object] = dict.fromkeys(chain.FIELDS, "x")


@given(VALUES, VALUES)
def test_two_events_that_differ_have_different_hashes(
    one: dict[str, object], other: dict[str, object]
) -> None:
    # A number and its digits are the same bytes; a column is always one or the other.
    alike = all(
        (one[name] is None) == (other[name] is None) and str(one[name]) == str(other[name]) for name in one
    )
    assert (chain.link(chain.GENESIS, one) == chain.link(chain.GENESIS, other)) is alike


def test_no_field_runs_into_the_next() -> None:
    parts = {**EVENT, "comment": "ab", "request_id": ""}, {**EVENT, "comment": "a", "request_id": "b"}
    assert chain.link(chain.GENESIS, parts[0]) != chain.link(chain.GENESIS, parts[1])


def test_none_is_not_the_empty_text() -> None:
    none, empty = {**EVENT, "actor_id": None}, {**EVENT, "actor_id": ""}
    assert chain.link(chain.GENESIS, none) != chain.link(chain.GENESIS, empty)


def test_the_same_moment_is_the_same_hash_in_every_zone() -> None:
    here = datetime(2026, 11, 26, 11, 30, 0, 123456, tzinfo=UTC)
    there = here.astimezone(timezone(timedelta(hours=5, minutes=30)))
    at = {**EVENT, "at": here}, {**EVENT, "at": there}
    assert chain.link(chain.GENESIS, at[0]) == chain.link(chain.GENESIS, at[1])
    assert chain.microseconds(here) == 1795692600123456


def test_the_event_before_is_taken_in() -> None:
    assert chain.link(chain.GENESIS, EVENT) != chain.link("1" * 64, EVENT)


@pytest.mark.parametrize("value", [1.5, b"x", True, ["x"]])
def test_what_has_no_certain_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="holds no"):
        chain.link(chain.GENESIS, {**EVENT, "comment": value})


def test_an_event_with_a_field_missing_has_no_hash() -> None:
    with pytest.raises(KeyError):
        chain.link(chain.GENESIS, {"id": 1})
