"""The arithmetic of the rate budget, on a virtual clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunks.zoom.budget import pause, reserve

RATES = st.sampled_from([1.0, 2.0, 4.0, 20.0, 30.0, 80.0])
SHARES = st.sampled_from([0.5, 0.9, 0.98, 1.0])
GAPS = st.lists(st.floats(0, 2), min_size=1, max_size=200)


def sent_at(gaps: list[float], rate: float, share: float) -> list[float]:
    """Return when each call leaves, if calls arrive with these gaps."""
    now, tat, sent = 1000.0, 0.0, []
    for gap in gaps:
        now += gap
        tat, wait = reserve(tat, now, rate=rate, share=share)
        sent.append(now + wait)
    return sent


@given(GAPS, RATES, SHARES)
def test_no_sliding_second_holds_more_calls_than_the_rate(
    gaps: list[float], rate: float, share: float
) -> None:
    sent = sent_at(gaps, rate, share)
    for start in sent:
        # The sums of floats are off by far less than a microsecond.
        assert sum(start <= instant < start + 1 - 1e-6 for instant in sent) <= rate


@given(GAPS, RATES, SHARES)
def test_nobody_waits_without_need(gaps: list[float], rate: float, share: float) -> None:
    sent = sent_at(gaps, rate, share)
    arrived = 1000.0
    for position, gap in enumerate(gaps):
        arrived += gap
        ready = sent[position - 1] + 1 / (rate * share) if position else arrived
        assert sent[position] == pytest.approx(max(arrived, ready))


def test_the_first_call_does_not_wait() -> None:
    assert reserve(0, 5, rate=4) == (5.25, 0)


def test_the_second_call_waits_one_interval() -> None:
    assert reserve(5.25, 5, rate=4) == (5.5, 0.25)


def test_a_pause_lets_nothing_out_before_its_end() -> None:
    assert reserve(pause(5.25, 9), 5, rate=4) == (9.25, 4)
    assert pause(9, 5) == 9


@pytest.mark.parametrize(
    ("rate", "share"), [(0, 1), (-1, 1), (1, 0), (1, 1.1), (float("nan"), 1), (1, float("nan"))]
)
def test_a_rate_that_makes_no_sense_is_refused(rate: float, share: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        reserve(0, 0, rate=rate, share=share)
