"""Taking Zoom's list in: what it shows, what vanished, and what it must not give away."""

import time
from datetime import timedelta

import pytest
from pytest_django import Settings

from tests import cast
from trunks.models import Hold, ListedTrunk, SubAccount, TrunkRequest, clock
from trunks.workflow import listing
from trunks.workflow.listing import take_in
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite


def row(dnis: str, zoom_id: str = "4711", caller_id: str | None = "+14155550100") -> Trunk:
    return Trunk(zoom_id, "HQ trunk", "192.0.2.1", dnis, "0", caller_id)


def test_rows_are_kept_as_zoom_lists_them(estate: cast.Estate) -> None:
    read_at = clock.read()
    assert take_in(estate.sub, [row("18888123"), row("18888124", caller_id=None)], read_at) == []
    kept = [(r.dnis, r.outbound_caller_id, r.last_seen_at, r.master) for r in ListedTrunk.objects.all()]
    assert kept == [
        ("18888123", "+14155550100", read_at, estate.master),
        ("18888124", None, read_at, estate.master),
    ]
    estate.sub.refresh_from_db()
    assert estate.sub.trunks_read_at == read_at


def test_a_row_that_comes_twice_or_too_long_is_kept_once_and_cut(estate: cast.Estate) -> None:
    long = Trunk("4711", "n" * 300, "s" * 300, "1" * 80, "p" * 80, "c" * 80)
    take_in(estate.sub, [long, long], clock.read())
    kept = ListedTrunk.objects.get()
    assert (len(kept.name), len(kept.dnis), len(kept.outbound_caller_id or "")) == (255, 64, 32)
    assert take_in(estate.sub, [long], clock.read() + timedelta(hours=1)) == []


def test_a_caller_id_that_is_too_long_is_not_cut_in_its_number(estate: cast.Estate) -> None:
    shown = f'"{"n" * 55}" <sip:+14155550100@192.0.2.1>'
    take_in(estate.sub, [row("18888123", caller_id=shown)], clock.read())
    assert ListedTrunk.objects.get().outbound_caller_id == "+14155550100"


def test_changed_values_are_taken_over_and_the_first_sight_stays(estate: cast.Estate) -> None:
    first = clock.read()
    take_in(estate.sub, [row("18888123")], first)
    take_in(estate.sub, [row("18888123", caller_id="+1")], first + timedelta(minutes=5))
    kept = ListedTrunk.objects.get()
    assert (kept.outbound_caller_id, kept.first_seen_at) == ("+1", first)


@pytest.mark.parametrize(("seconds", "gone"), [(2.5, False), (3.0, True), (99.0, True)])
def test_a_row_is_gone_only_when_it_was_not_seen_for_the_quiet_period(
    seconds: float,
    gone: bool,
    estate: cast.Estate,
    trunk_request: TrunkRequest,
    settings: Settings,
) -> None:
    settings.QUIET_SECONDS = 3
    trunk_request.lines.update(hold=Hold.ASSIGNED)
    read_at = clock.read()
    take_in(estate.sub, [row("18888123")], read_at)
    assert take_in(estate.sub, [], read_at + timedelta(seconds=1)) == []
    vanished = take_in(estate.sub, [], read_at + timedelta(seconds=seconds))
    assert [item.dnis for item in vanished] == (["18888123"] if gone else [])
    assert (ListedTrunk.objects.get().gone_at is not None) is gone
    assert [line.hold for line in trunk_request.lines.all()] == ["" if gone else "assigned"]


def test_a_row_is_gone_only_when_two_lists_lack_it(estate: cast.Estate, trunk_request: TrunkRequest) -> None:
    """The estate is read once an hour, and a list that was short by mistake gave the DNIS away to other customers."""
    trunk_request.lines.update(hold=Hold.ASSIGNED)
    read_at = clock.read()
    for rows in ([row("18888123")], [], [row("18888123")], [row("18888124")]):
        read_at += timedelta(hours=1)
        assert take_in(estate.sub, rows, read_at) == []
        assert ListedTrunk.objects.get(dnis="18888123").gone_at is None
        assert [line.hold for line in trunk_request.lines.all()] == ["assigned"]
    [vanished] = take_in(estate.sub, [row("18888124")], read_at + timedelta(seconds=1))
    assert vanished.dnis == "18888123"
    assert [line.hold for line in trunk_request.lines.all()] == [""]


def test_what_comes_back_is_there_again(estate: cast.Estate) -> None:
    read_at = clock.read()
    for rows in ([row("18888123")], [], [], [row("18888123")]):
        read_at += timedelta(hours=1)
        take_in(estate.sub, rows, read_at)
    assert ListedTrunk.objects.get().gone_at is None


def test_what_is_held_by_an_open_request_is_not_given_away(
    estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    read_at = clock.read()
    take_in(estate.sub, [row("18888123")], read_at)
    for hours in (1, 2):
        take_in(estate.sub, [], read_at + timedelta(hours=hours))
    assert [line.hold for line in trunk_request.lines.all()] == ["held"]


def test_the_list_of_one_sub_account_says_nothing_about_another(
    estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    trunk_request.lines.update(hold=Hold.ASSIGNED)
    read_at = clock.read()
    take_in(estate.sub, [row("18888123")], read_at)
    for hours in (1, 2):
        take_in(estate.other_sub, [], read_at + timedelta(hours=hours))
    assert ListedTrunk.objects.get().gone_at is None
    assert [line.hold for line in trunk_request.lines.all()] == ["assigned"]


def test_a_problem_of_the_last_reading_is_over(estate: cast.Estate) -> None:
    SubAccount.objects.filter(pk=estate.sub.pk).update(trunks_problem="Zoom cannot be reached.")
    take_in(estate.sub, [], clock.read())
    estate.sub.refresh_from_db()
    assert estate.sub.trunks_problem == ""


def test_a_trunk_that_zoom_lists_under_a_new_id_keeps_its_dnis(
    estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    trunk_request.lines.update(hold=Hold.ASSIGNED)
    read_at = clock.read()
    take_in(estate.sub, [row("18888123")], read_at)
    for hours in (1, 2):
        take_in(estate.sub, [row("18888123", zoom_id="4712")], read_at + timedelta(hours=hours))
    assert [line.hold for line in trunk_request.lines.all()] == ["assigned"]
    present = ListedTrunk.objects.filter(gone_at=None)
    assert [(one.zoom_id, one.dnis) for one in present] == [("4712", "18888123")]


def test_a_list_that_was_asked_for_before_the_last_one_brings_only_what_nobody_knew(
    estate: cast.Estate,
) -> None:
    """A page and a worker read at the same time, and the answer that was under way for longer comes last."""
    asked = clock.read() - timedelta(minutes=5)
    take_in(estate.sub, [row("18888123"), row("18888124")], asked - timedelta(hours=1))
    younger = asked + timedelta(minutes=1)
    for read_at in (asked + timedelta(seconds=1), younger):
        take_in(estate.sub, [row("18888124", caller_id="+1")], read_at)
    late = [row("18888123"), row("18888124"), row("18888125")]
    assert take_in(estate.sub, late, asked) == []
    kept = {r.dnis: (r.outbound_caller_id, r.gone_at) for r in ListedTrunk.objects.all()}
    assert kept == {
        "18888123": ("+14155550100", younger),
        "18888124": ("+1", None),
        "18888125": ("+14155550100", None),
    }
    estate.sub.refresh_from_db()
    assert estate.sub.trunks_read_at == younger


def test_a_list_counts_although_the_clock_was_set_back_since_the_last_one(estate: cast.Estate) -> None:
    take_in(estate.sub, [row("18888123", caller_id="+1")], clock.read() + timedelta(hours=1))
    read_at = clock.read()
    take_in(estate.sub, [row("18888123", caller_id="+2")], read_at)
    assert ListedTrunk.objects.get().outbound_caller_id == "+2"
    estate.sub.refresh_from_db()
    assert estate.sub.trunks_read_at == read_at


@pytest.mark.django_db(transaction=True)
def test_of_two_readings_within_one_second_the_younger_counts(estate: cast.Estate) -> None:
    for _ in range(3):  # a second may end between the two
        asked = clock.read()
        time.sleep(0.003)
        take_in(estate.sub, [row("18888123", caller_id="+2")], clock.read())
        take_in(estate.sub, [row("18888123", caller_id="+1")], asked)
        assert ListedTrunk.objects.get().outbound_caller_id == "+2"


def test_a_reading_that_failed_is_no_trouble_when_a_younger_one_did_not(estate: cast.Estate) -> None:
    asked = clock.read() - timedelta(minutes=5)
    listing.note_problem(estate.sub, "Zoom cannot be reached.", asked)
    estate.sub.refresh_from_db()
    assert estate.sub.trunks_problem == "Zoom cannot be reached."
    take_in(estate.sub, [], asked + timedelta(minutes=1))
    listing.note_problem(estate.sub, "Zoom cannot be reached.", asked)
    estate.sub.refresh_from_db()
    assert estate.sub.trunks_problem == ""
