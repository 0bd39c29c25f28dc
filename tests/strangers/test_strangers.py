"""A few strangers in place of Zoom; `python -m tests.strangers --seeds 500` meets many."""

import logging
from collections.abc import Iterator

import pytest

from tests.strangers.habits import HABITS, Habits, drawn
from tests.strangers.ledger import MASTER
from tests.strangers.play import play
from tests.strangers.stage import Stage
from tests.strangers.zoom import SUBS, Stranger

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


@pytest.mark.usefixtures("transactional_db", "_quiet")
def test_a_limit_that_is_met_between_two_pages_keeps_nobody_from_connecting() -> None:
    """The list of trunks was begun anew after each 429, and met the next one at the same page."""
    with Stage(0) as stage:
        stage.habits.kept |= {"trunk_pages": "one each", "limit": "3"}
        assert stage.connect().zoom_id == MASTER


def test_a_write_that_lands_while_nobody_calls_is_listed_from_that_moment_on() -> None:
    """It was listed too late by the time until the next call: later than the quiet period allows."""
    now = 0.0
    stranger = Stranger(Habits(0, {name: values[0] for name, values in HABITS.items()}), lambda: now)
    stranger.habits.kept["list_delay"] = "40"
    path, items = f"accounts/{SUBS[0]}/sip_trunk/trunks", [{"id": "268", "dnis": "18888700"}]
    stranger.flights.append((15.0, "POST", path, {"sip_trunks": items}))
    now = 60.0
    stranger.land()
    assert [row.dnis for row in stranger.ledger.shown(SUBS[0])] == ["18888700"]


def test_every_habit_is_met_within_the_first_hundreds() -> None:
    met = [drawn(seed).unusual() for seed in range(400)]
    unmet = {name: set(values[1:]) - {habits.get(name) for habits in met} for name, values in HABITS.items()}
    assert not any(unmet.values()), unmet
