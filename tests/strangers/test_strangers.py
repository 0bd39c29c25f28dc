"""A few strangers in place of Zoom; `python -m tests.strangers --seeds 500` meets many."""

import logging
from collections.abc import Iterator

import pytest

from tests.strangers.habits import HABITS, drawn
from tests.strangers.play import play

SEEDS = 24
SHARES = 4


@pytest.fixture
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("transactional_db", "_quiet")
@pytest.mark.parametrize("share", range(SHARES))
def test_the_main_job_ends_in_one_true_state_whatever_zoom_is_like(share: int) -> None:
    found = {seed: play(seed) for seed in range(share, SEEDS, SHARES)}
    assert {seed: wrong for seed, wrong in found.items() if wrong} == {}


def test_every_habit_is_met_within_the_first_hundreds() -> None:
    met = [drawn(seed).unusual() for seed in range(400)]
    unmet = {name: set(values[1:]) - {habits.get(name) for habits in met} for name, values in HABITS.items()}
    assert not any(unmet.values()), unmet
