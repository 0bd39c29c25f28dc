"""What is said of the figures of a measurement, by numbers that are known."""

import pytest

from tests.bench import audit_read, goals
from tests.bench.audit_read import Times


def test_each_figure_stands_beside_its_goal_and_the_end_names_what_was_missed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    goals.at_most("a page", 24.6, 25, "ms")
    goals.at_least("verified", 199_999.0, 200_000)
    goals.summary()
    page, verified, *end = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert page == "a page 24.60 ms goal at most 25 ms reached"
    assert verified == "verified 199,999 goal at least 200,000 MISSED"
    assert end == ["1 of 2 goals reached; missed:", "verified"]
    goals.summary()
    assert capsys.readouterr().out == ""


def test_the_pages_are_judged_by_all_that_is_wanted_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    quick, slow = Times([0.010] * 20), Times([0.020] * 19 + [0.2])
    names = (audit_read.RANDOM, "first page", "last page", audit_read.NEVER, *audit_read.SEARCHES)
    few = dict.fromkeys(names, quick)
    many = few | {audit_read.RANDOM: slow, "last page": slow}
    audit_read.judge(many, 1_000_000, few)
    goals.summary()
    said = [line for line in capsys.readouterr().out.splitlines() if "MISSED" in line]
    assert len(said) == 4
    assert [line.split()[0] for line in said] == ["p95", "the", "last", "p95"]
