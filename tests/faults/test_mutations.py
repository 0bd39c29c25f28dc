"""The harness proves itself: with one rule removed, some schedule among the first few ends wrong."""

import logging
from collections.abc import Iterator

import pytest

from tests.faults.mutations import RULES
from tests.faults.schedule import play

pytestmark = [pytest.mark.sqlite, pytest.mark.usefixtures("transactional_db")]
MOST_SEEDS = 200


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("rule", RULES)
def test_a_portal_without_one_of_its_rules_is_found_out(rule: str) -> None:
    assert any(play(seed, RULES[rule]) for seed in range(MOST_SEEDS)), f"nobody misses the rule: {rule}"
