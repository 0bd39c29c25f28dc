"""What was given up: its DNIS stays taken while Zoom may have it, and comes free as Zoom's lists say."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from tests import cast
from tests.workflow import test_give_up
from tests.workflow.conftest import Zoom
from tests.workflow.test_give_up import give_up
from tests.workflow.timing import let_pass, states
from trunks.models import Hold, Line, SubAccount, TrunkRequest, User, clock
from trunks.workflow import errors, estate, filing, listing, reconcile, settling, sweeping
from trunks.workflow.provisioning import provision
from trunks.zoom.errors import CredentialsRefused
from trunks.zoom.types import Trunk

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
unconfirmed = test_give_up.unconfirmed


def lists_read(zoom: Zoom, *dnis: str) -> Line:
    """Have Zoom's list, showing `dnis`, read at the end of the quiet period after the last one; return the line."""
    line = Line.objects.get()
    rows = [Trunk("268", "", "", one, "0", None) for one in dnis]
    listing.take_in(zoom.sub, rows, clock.read() + timedelta(seconds=30 if line.absent_at else 0))
    line.refresh_from_db()
    return line


def test_the_dnis_stays_taken_until_two_lists_do_not_show_it(
    zoom: Zoom, unconfirmed: TrunkRequest, supervisor: User, staff: User
) -> None:
    give_up(unconfirmed, supervisor)
    dnis = unconfirmed.lines.get().dnis
    with pytest.raises(errors.Invalid, match=dnis):
        filing.file(zoom.draft(dnis), actor=staff)
    line = lists_read(zoom)
    assert (line.hold, line.absent_at is not None) == (Hold.UNKNOWN, True)
    line = lists_read(zoom)
    assert line.hold == Hold.NONE
    assert line.state == "given_up"
    assert "free again" in line.detail
    filing.file(zoom.draft(dnis), actor=staff)


def test_two_lists_close_together_are_one(zoom: Zoom, unconfirmed: TrunkRequest, supervisor: User) -> None:
    give_up(unconfirmed, supervisor)
    assert estate.sync(zoom.master.pk)
    assert estate.sync(zoom.master.pk)
    assert unconfirmed.lines.get().hold == Hold.UNKNOWN


def test_a_list_read_before_the_write_could_have_landed_proves_nothing(
    zoom: Zoom, unconfirmed: TrunkRequest, supervisor: User
) -> None:
    give_up(unconfirmed, supervisor)
    TrunkRequest.objects.update(sent_at=clock.now())
    assert lists_read(zoom).absent_at is None


def test_a_list_that_shows_it_makes_it_an_assignment(
    zoom: Zoom, unconfirmed: TrunkRequest, supervisor: User
) -> None:
    give_up(unconfirmed, supervisor)
    line = lists_read(zoom, unconfirmed.lines.get().dnis)
    assert (line.state, line.hold) == ("given_up", Hold.ASSIGNED)
    assert "it is assigned" in line.detail


def test_a_sub_account_that_zoom_has_closed_gives_its_dnis_back(
    zoom: Zoom, unconfirmed: TrunkRequest, supervisor: User
) -> None:
    give_up(unconfirmed, supervisor)
    zoom.remove_account()
    assert estate.sync(zoom.master.pk)
    line = unconfirmed.lines.get()
    assert (line.hold, line.absent_at is not None) == (Hold.UNKNOWN, True)
    Line.objects.update(absent_at=clock.after(-3600))
    assert estate.sync(zoom.master.pk)
    line.refresh_from_db()
    assert (line.state, line.hold) == ("given_up", Hold.NONE)
    assert "does not know the sub account" in line.detail


@pytest.mark.parametrize("by", ["the request's own reading", "the estate's"])
def test_its_page_says_that_zoom_does_not_know_the_sub_account_any_more(
    zoom: Zoom, client: Client, unconfirmed: TrunkRequest, supervisor: User, by: str
) -> None:
    client.force_login(supervisor)
    page = reverse("request_detail", args=[unconfirmed.pk])
    assert 'id="account-gone"' not in client.get(page).content.decode()
    zoom.remove_account()
    if by == "the estate's":
        assert estate.sync(zoom.master.pk)
    else:
        reconcile.settle(unconfirmed.pk)
    assert states(unconfirmed)[0] == "unconfirmed"
    TrunkRequest.objects.update(needs_attention=True)
    content = client.get(page).content.decode()
    assert 'id="account-gone"' in content
    assert f"Zoom does not know the sub account {zoom.sub} any more." in content
    assert 'id="needs-attention"' not in content, "there is no DNIS of it to look for in Zoom's console"
    unconfirmed.refresh_from_db()
    give_up(unconfirmed, supervisor)
    assert 'id="account-gone"' not in client.get(page).content.decode()


def test_zoom_is_asked_rarely_about_a_sub_account_that_is_gone_and_at_once_when_it_is_back(
    zoom: Zoom, unconfirmed: TrunkRequest
) -> None:
    def waits() -> float:
        """Return how long the request waits after one more reading, of many."""
        let_pass(unconfirmed, 10_000)
        TrunkRequest.objects.update(tries=20)
        reconcile.settle(unconfirmed.pk)
        assert states(unconfirmed) == ("unconfirmed", ["unknown"])
        assert unconfirmed.next_attempt_at
        return (unconfirmed.next_attempt_at - clock.read()).total_seconds()

    world = zoom.sandbox.world
    with world.lock:
        account = zoom.sandbox.estate.accounts.pop(zoom.sub.zoom_id)
    assert waits() < 400, "Zoom does not know it, and its list of accounts was not read since"
    assert estate.sync(zoom.master.pk)
    assert 2000 < waits() < 5000
    assert estate.sync(zoom.master.pk)
    assert states(unconfirmed)[0] == "unconfirmed"
    unconfirmed.refresh_from_db()
    assert unconfirmed.next_attempt_at
    assert unconfirmed.next_attempt_at > clock.read()
    with world.lock:
        zoom.sandbox.estate.add(account)
    assert estate.sync(zoom.master.pk)
    reconcile.settle(unconfirmed.pk)
    let_pass(unconfirmed)
    reconcile.settle(unconfirmed.pk)
    assert states(unconfirmed) == ("approved", ["not_sent"]), "two lists have said that it did not happen"


def test_it_tries_for_nobody_else_whether_zoom_accepts_the_credentials(
    zoom: Zoom, unconfirmed: TrunkRequest, staff: User, supervisor: User
) -> None:
    other = zoom.approved(staff, supervisor, zoom.trunk.prefix + "778")
    TrunkRequest.objects.update(tries=20)
    other.refresh_from_db()
    refused = CredentialsRefused(status=401)
    assert settling.pause(other, refused) > 2000
    SubAccount.objects.filter(pk=zoom.sub.pk).update(gone_at=clock.now())
    assert settling.pause(other, refused) < 400


def test_what_waited_for_it_is_rung_for(
    zoom: Zoom, unconfirmed: TrunkRequest, staff: User, supervisor: User, rung: list[tuple[str, int]]
) -> None:
    waiting = zoom.approved(staff, supervisor, zoom.trunk.prefix + "778")
    rung.clear()
    give_up(unconfirmed, supervisor)
    assert [pk for _, pk in rung] == [waiting.pk]
    assert sweeping.sweep() == 1


def test_a_removal_that_is_given_up_leaves_the_dnis_to_the_estate(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    dnis = zoom.trunk.prefix + "777"
    zoom.in_console(dnis, "")
    assert estate.sync(zoom.master.pk)
    lines = [filing.LineDraft(zoom.trunk, dnis)]
    draft = filing.Draft(zoom.sub, "unassign", "Customer asked", "", lines)
    trunk_request = cast.approved(filing.file(draft, actor=staff), supervisor)
    zoom.sandbox.fault("drop", method="DELETE", apply="never")
    provision(trunk_request.pk)
    let_pass(trunk_request)
    give_up(trunk_request, supervisor)
    assert states(trunk_request) == ("failed", ["given_up"])
    line = trunk_request.lines.get()
    assert (line.hold, line.removing) == (Hold.NONE, False)
    with pytest.raises(errors.Invalid, match="already assigned"):
        filing.file(zoom.draft(dnis, sub=zoom.other_sub), actor=staff)
