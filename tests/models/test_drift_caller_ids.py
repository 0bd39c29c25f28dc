"""Which caller IDs differ, whatever the spelling in which Zoom lists them."""

import random

import pytest

from tests import cast
from tests.models import listing
from tests.models.listing import CALLER_ID, DONE, READ, found, listed, word
from trunks import numbers
from trunks.models import ListedTrunk, User
from trunks.models.drift import CallerIdKey, Drift

pytestmark = pytest.mark.sqlite
read = listing.read


@pytest.mark.parametrize(
    ("wanted", "shown", "drifts"),
    [
        (CALLER_ID, "+14155550199", True),
        (CALLER_ID, CALLER_ID, False),
        (CALLER_ID, "14155550100", False),
        (CALLER_ID, "0014155550100", False),
        (CALLER_ID, " +1 (415) 555-0100", False),
        (CALLER_ID, None, False),
        (CALLER_ID, "", False),
        ("", CALLER_ID, False),
        ("0100", "100", True),
        ("+34600123456", "+0034600123456", True),
        ("+34600123456", "sip:+34600123456@192.0.2.1", False),
        ("+34600123456", "sip:+34999123456@192.0.2.1", True),
        ("+34600123456", "tel:+34600123456", False),
        ("+34600123456", "+34600\N{ZERO WIDTH SPACE}123456", False),
        ("+34600123456", "\N{LEFT-TO-RIGHT EMBEDDING}0034600123456\N{POP DIRECTIONAL FORMATTING}", False),
        ("+34600123456", "+34600\N{NON-BREAKING HYPHEN}123456", False),
        ("+34600123456", "withheld", True),
    ],
)
def test_another_caller_id_is_different_unless_zoom_reports_none(
    estate: cast.Estate, staff: User, wanted: str, shown: str | None, drifts: bool
) -> None:
    word(estate, staff, outbound_caller_id=wanted)
    listed(estate.sub, outbound_caller_id=shown)
    assert found(estate) == ([("18888001", Drift.DIFFERENT)] if drifts else [])
    if wanted and shown:
        assert drifts is (numbers.caller_id_key(wanted) != numbers.caller_id_key(shown))


PIECES = [
    *"0123456789+ -;:@<>?._é",
    "00",
    "sip:",
    "SIPS:",
    "tel:",
    ";ext=7",
    "\n",
    "\u00a0",
    "\u200b",
    "\u202a",
]


def test_the_database_reads_a_caller_id_as_the_portal_does(estate: cast.Estate) -> None:
    dice = random.Random(7)  # noqa: S311  # no secret
    texts = ["".join(dice.choices(PIECES, k=dice.randint(0, 12))) for _ in range(3000)]
    seen = {"first_seen_at": DONE, "last_seen_at": READ, "master": estate.master, "sub_account": estate.sub}
    ListedTrunk.objects.bulk_create(
        ListedTrunk(zoom_id=str(n), outbound_caller_id=text, **seen) for n, text in enumerate(texts)
    )
    read = ListedTrunk.objects.annotate(key=CallerIdKey("outbound_caller_id"))
    keys = dict(read.values_list("outbound_caller_id", "key"))
    assert keys == {text: numbers.caller_id_key(text) for text in texts}
