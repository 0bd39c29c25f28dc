"""Giving up on what nobody could find out: recorded as what it is, and the DNIS stays taken while Zoom may have it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests import cast
from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, provision_twice, states
from trunks import audit
from trunks.models import Hold, Line, SubAccount, TrunkRequest, User, clock
from trunks.workflow import (
    errors,
    estate,
    filing,
    listing,
    policy,
    provisioning,
    reconcile,
    settling,
    sweeping,
)
from trunks.workflow.provisioning import provision
from trunks.zoom.errors import CredentialsRefused
from trunks.zoom.types import Trunk

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
TRUNKS = "/sip_trunk/trunks$"
WHY = "Zoom support cannot tell; ticket ZM-77"


@pytest.fixture
def unconfirmed(zoom: Zoom, staff: User, supervisor: User) -> TrunkRequest:
    """Return a request whose one line, 777, was sent, never answered and not applied; the quiet period is over."""
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    let_pass(trunk_request)
    trunk_request.refresh_from_db()
    return trunk_request


def give_up(trunk_request: TrunkRequest, actor: User, comment: str = WHY) -> TrunkRequest:
    trunk_request.refresh_from_db()
    return reconcile.give_up(trunk_request, actor=actor, version=trunk_request.version, comment=comment)


def lists_read(zoom: Zoom, *dnis: str) -> Line:
    """Have Zoom's list, showing `dnis`, read at the end of the quiet period after the last one; return the line."""
    line = Line.objects.get()
    rows = [Trunk("268", "", "", one, "0", None) for one in dnis]
    listing.take_in(zoom.sub, rows, clock.read() + timedelta(seconds=30 if line.absent_at else 0))
    line.refresh_from_db()
    return line


def test_a_supervisor_gives_up_with_a_reason(unconfirmed: TrunkRequest, supervisor: User) -> None:
    give_up(unconfirmed, supervisor)
    assert states(unconfirmed) == ("failed", ["given_up"])
    assert unconfirmed.lines.get().hold == Hold.UNKNOWN
    event = list(audit.history(unconfirmed))[-1]
    assert (event.action, event.actor_id, event.comment) == ("request.given_up", supervisor.pk, WHY)
    assert event.after["lines"] == {unconfirmed.lines.get().dnis: "given_up"}


def test_lines_that_are_known_keep_their_outcome(zoom: Zoom, staff: User, supervisor: User) -> None:
    dnis = [zoom.trunk.prefix + end for end in ("771", "772")]
    zoom.in_console(dnis[0], "")
    trunk_request = zoom.approved(staff, supervisor, *dnis)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    let_pass(trunk_request)
    give_up(trunk_request, supervisor)
    assert states(trunk_request) == ("partial", ["already_there", "given_up"])
    assert [line.hold for line in trunk_request.lines.all()] == [Hold.ASSIGNED, Hold.UNKNOWN]
    trunk_request.refresh_from_db()
    answer = policy.may(supervisor, "retry", trunk_request)
    assert (answer.allowed, trunk_request.retryable_lines) == (False, 0)
    assert "nothing to try again" in answer.reason


def test_a_retry_of_others_leaves_the_given_up_line_alone(
    zoom: Zoom, unconfirmed: TrunkRequest, supervisor: User
) -> None:
    line = unconfirmed.lines.get()
    Line.objects.create(
        trunk_request=unconfirmed,
        master=zoom.master,
        position=2,
        trunk=zoom.trunk,
        prefix=line.prefix,
        dnis=zoom.trunk.prefix + "779",
        state="refused",
    )
    give_up(unconfirmed, supervisor)
    unconfirmed.refresh_from_db()
    assert unconfirmed.retryable_lines == 1
    provisioning.retry(unconfirmed, actor=supervisor, version=unconfirmed.version)
    assert states(unconfirmed) == ("approved", ["given_up", "not_sent"])
    # Its content is not what was approved, so it cannot go on; amending it would forget what was given up.
    provision(unconfirmed.pk)
    assert states(unconfirmed) == ("failed", ["given_up", "not_sent"])
    assert [line.hold for line in unconfirmed.lines.all()] == [Hold.UNKNOWN, Hold.NONE]


def test_nobody_gives_up_without_a_reason(unconfirmed: TrunkRequest, supervisor: User) -> None:
    with pytest.raises(errors.Invalid) as caught:
        give_up(unconfirmed, supervisor, comment=" ")
    assert list(caught.value.problems) == ["comment"]
    assert states(unconfirmed)[0] == "unconfirmed"


def test_the_requester_cannot_give_up_and_the_try_is_on_record(
    unconfirmed: TrunkRequest, staff: User, supervisor: User
) -> None:
    with pytest.raises(errors.Refused, match="Only a supervisor") as caught:
        give_up(unconfirmed, staff)
    assert caught.value.who == str(supervisor)
    assert list(audit.history(unconfirmed))[-1].action == "request.action_refused"


def test_nobody_gives_up_while_it_could_still_land(
    zoom: Zoom, staff: User, supervisor: User, settings: Settings
) -> None:
    settings.QUIET_SECONDS = 60
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    assert not trunk_request.could_still_land
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    trunk_request.refresh_from_db()
    assert "could still land" in policy.may(supervisor, "give_up", trunk_request).reason
    with pytest.raises(errors.Stale):
        give_up(trunk_request, supervisor)


def test_nobody_gives_up_on_what_is_known(unconfirmed: TrunkRequest, supervisor: User) -> None:
    unconfirmed.lines.update(state="assigned")
    assert "is known" in policy.may(supervisor, "give_up", unconfirmed).reason


@pytest.mark.parametrize("comment", ["x" * 2001, "Called Zoom\0, nothing there"])
def test_a_reason_that_cannot_be_kept_is_refused(
    unconfirmed: TrunkRequest, supervisor: User, comment: str
) -> None:
    with pytest.raises(errors.Invalid):
        reconcile.give_up(unconfirmed, actor=supervisor, version=unconfirmed.version, comment=comment)
    assert states(unconfirmed) == ("unconfirmed", ["unknown"])


def test_a_settled_request_cannot_be_given_up(trunk_request: TrunkRequest, supervisor: User) -> None:
    assert policy.may(supervisor, "give_up", trunk_request).by_state


def test_a_stale_page_gives_nothing_up(unconfirmed: TrunkRequest, supervisor: User) -> None:
    with pytest.raises(errors.Stale):
        reconcile.give_up(unconfirmed, actor=supervisor, version=unconfirmed.version - 1, comment=WHY)
    assert states(unconfirmed)[0] == "unconfirmed"


def test_a_worker_that_is_reading_meanwhile_changes_nothing_any_more(
    zoom: Zoom, unconfirmed: TrunkRequest, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.before(
        monkeypatch,
        "trunks.zoom.client.ZoomClient.list_trunks",
        lambda: give_up(unconfirmed, supervisor),
    )
    reconcile.settle(unconfirmed.pk)
    assert states(unconfirmed) == ("failed", ["given_up"])


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


@pytest.mark.parametrize("step", ["POST", "DELETE"])
def test_a_change_that_is_given_up_alarms_while_the_list_shows_neither_dnis(
    zoom: Zoom, staff: User, supervisor: User, client: Client, step: str
) -> None:
    old, new = zoom.trunk.prefix + "771", zoom.trunk.prefix + "772"
    provision(zoom.approved(staff, supervisor, old).pk)
    line = filing.LineDraft(zoom.trunk, new, "", old)
    draft = filing.Draft(zoom.sub, "change", "Customer asked", "", [line])
    trunk_request = cast.approved(filing.file(draft, actor=staff), supervisor)
    zoom.sandbox.fault("drop", method=step, path="/sip_trunk/trunks", apply="never")
    provision(trunk_request.pk)
    let_pass(trunk_request)
    give_up(trunk_request, supervisor)
    assert states(trunk_request) == ("failed", ["given_up"])
    # What was to be removed is there as long as the list shows it; what was removed already is missed at once.
    assert trunk_request.lines.lost().exists() is (step == "POST")
    listing.take_in(zoom.sub, [], clock.read() + timedelta(seconds=60))
    assert trunk_request.lines.lost().exists()
    client.force_login(supervisor)
    page = client.get(f"/requests/{trunk_request.reference}/").content.decode()
    assert "The customer is without a trunk" in page
    assert "Zoom's list shows nothing in its place" in page
    assert "Retry, or assign" not in page
    listing.take_in(zoom.sub, [Trunk("268", "", "", new, "0", None)], clock.read())
    assert not trunk_request.lines.lost().exists()


def test_a_change_that_waits_behind_a_given_up_line_alarms_too(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    old, new = ([zoom.trunk.prefix + end for end in ends] for ends in (("771", "772"), ("781", "782")))
    first = zoom.approved(staff, supervisor, *old)
    provision(first.pk)
    let_pass(first)
    lines = [filing.LineDraft(zoom.trunk, after, "", before) for before, after in zip(old, new, strict=True)]
    trunk_request = cast.approved(
        filing.file(filing.Draft(zoom.sub, "change", "Customer asked", "", lines), actor=staff), supervisor
    )
    # Both are gone already, so both are to be assigned; Zoom refuses them together, and then does not answer for one.
    for dnis in old:
        zoom.in_console(dnis, None)
    zoom.sandbox.fault("html", method="POST", path=TRUNKS, status=400, apply="never")
    provision_twice(trunk_request)
    for _ in range(2):
        let_pass(trunk_request)
        reconcile.settle(trunk_request.pk)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown", "not_sent"])
    let_pass(trunk_request)
    give_up(trunk_request, supervisor)
    listing.take_in(zoom.sub, [], clock.read() + timedelta(seconds=60))
    assert [line.dnis for line in trunk_request.lines.lost()] == new


def restoring(zoom: Zoom, staff: User, supervisor: User) -> tuple[TrunkRequest, str, str]:
    """Return a change whose old values were sent again without an answer, with its old and its new DNIS."""
    old, new = zoom.trunk.prefix + "771", zoom.trunk.prefix + "772"
    provision(zoom.approved(staff, supervisor, old).pk)
    line = filing.LineDraft(zoom.trunk, new, "", old)
    draft = filing.Draft(zoom.sub, "change", "Customer asked", "", [line])
    trunk_request = cast.approved(filing.file(draft, actor=staff), supervisor)
    zoom.sandbox.fault("html", method="POST", path=TRUNKS, status=400, apply="never")
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    let_pass(trunk_request)
    return trunk_request, old, new


def test_old_values_that_were_given_up_stay_taken_until_two_lists_do_not_show_them(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    trunk_request, old, new = restoring(zoom, staff, supervisor)
    assert trunk_request.lines.get().phase == "restore"
    give_up(trunk_request, supervisor)
    # The old DNIS may be at Zoom; the new one surely is not.
    with pytest.raises(errors.Invalid, match=old):
        filing.file(zoom.draft(old, sub=zoom.other_sub), actor=staff)
    filing.file(zoom.draft(new, sub=zoom.other_sub), actor=staff)
    given_up = trunk_request.lines.get()
    for seconds in (0, 30):
        listing.take_in(zoom.sub, [], clock.read() + timedelta(seconds=seconds))
    given_up.refresh_from_db()
    assert "free again" in given_up.detail
    filing.file(zoom.draft(old, sub=zoom.other_sub), actor=staff)


def test_old_values_that_were_given_up_and_are_shown_later_end_the_alarm(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    trunk_request, old, _ = restoring(zoom, staff, supervisor)
    give_up(trunk_request, supervisor)
    assert trunk_request.lines.lost().exists()
    listing.take_in(zoom.sub, [Trunk("268", "", "", old, "0", None)], clock.read())
    given_up = trunk_request.lines.get()
    assert (given_up.removing, given_up.hold, trunk_request.lines.lost().exists()) == (False, "", False)
    assert "it is assigned" in given_up.detail
