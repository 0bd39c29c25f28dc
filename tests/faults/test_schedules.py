"""Two hundred seeded schedules, most of them on the quicker database.

`make faults` plays ten thousand, and `make faults SEED=n` one of them again.
"""

import logging
from collections.abc import Iterator

import pytest
from django.db import connection

from tests.faults.schedule import play

pytestmark = [pytest.mark.sqlite, pytest.mark.usefixtures("transactional_db")]
SEEDS = range(160) if connection.vendor == "sqlite" else range(160, 200)
SHARES = 4


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep the log out of it: thousands of lines are written, and a failing seed can be played again."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("share", range(SHARES))
def test_every_schedule_ends_in_one_true_state(share: int) -> None:
    found = {seed: play(seed) for seed in SEEDS[share::SHARES]}
    assert {seed: wrong for seed, wrong in found.items() if wrong} == {}
