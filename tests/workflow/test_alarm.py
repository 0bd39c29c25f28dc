"""The alarm about a customer without a trunk: ended by hand, and begun by a list that is read later."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from tests.workflow import test_meanwhile, test_removing
from tests.workflow.conftest import Zoom
from tests.workflow.test_meanwhile import refuse_once, retry
from tests.workflow.test_removing import TRUNKS, at_zoom, to_change
from tests.workflow.timing import carry_out_in_time, let_pass, states
from trunks import access, audit
from trunks.actions import Action
from trunks.models import Notice, Sending, Topic, TrunkRequest, User, clock
from trunks.models.drift import ALARMING, Drift, drifting
from trunks.workflow import attention, errors, estate, listing, mailing, policy, reconcile, spreading
from trunks.workflow.provisioning import provision
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
dnis = test_removing.dnis
lost = test_meanwhile.lost
WHY = "The customer uses 18888999 instead, as agreed on the phone"


def end_alarm(trunk_request: TrunkRequest, actor: User, comment: str = WHY) -> None:
    trunk_request.refresh_from_db()
    attention.end_alarm(trunk_request, actor=actor, version=trunk_request.version, comment=comment)


def test_a_supervisor_ends_the_alarm_about_a_trunk_in_whose_place_a_third_dnis_serves(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, lost: TrunkRequest
) -> None:
    third = zoom.trunk.prefix + "999"
    let_pass(lost)
    provision(zoom.approved(staff, supervisor, third).pk)
    assert at_zoom(zoom) == {third: ""}
    assert list(access.without_trunk_for(supervisor)) == [lost], "no list tells that it serves instead"
    end_alarm(lost, supervisor)
    assert list(access.without_trunk_for(supervisor)) == []
    assert states(lost) == ("failed", ["refused"])
    event = list(audit.history(lost))[-1]
    assert (event.action, event.actor_id, event.comment) == ("request.alarm_ended", supervisor.pk, WHY)
    assert event.before == {"dnis": [dnis]}


def test_nobody_ends_it_without_a_reason_or_from_an_old_page(supervisor: User, lost: TrunkRequest) -> None:
    with pytest.raises(errors.Invalid) as caught:
        end_alarm(lost, supervisor, comment=" ")
    assert list(caught.value.problems) == ["comment"]
    with pytest.raises(errors.Stale):
        attention.end_alarm(lost, actor=supervisor, version=lost.version - 1, comment=WHY)
    assert list(access.without_trunk_for(supervisor)) == [lost]


def test_it_is_not_ended_under_a_retry_that_was_first(
    supervisor: User, lost: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost.refresh_from_db()
    same = TrunkRequest.objects.get(pk=lost.pk)
    monkeypatch.setattr("trunks.workflow.attention.demand_comment", lambda *_, **__: retry(same, supervisor))
    with pytest.raises(errors.Stale, match="asked to retry"):
        attention.end_alarm(lost, actor=supervisor, version=lost.version, comment=WHY)
    assert list(access.without_trunk_for(supervisor)) == [lost]


def test_one_that_has_ended_is_not_ended_again(supervisor: User, lost: TrunkRequest) -> None:
    end_alarm(lost, supervisor)
    assert "There is no alarm" in policy.may(supervisor, "end_alarm", lost).reason
    with pytest.raises(errors.Stale):
        end_alarm(lost, supervisor)


def test_one_that_ends_between_look_and_lock_is_ended_once(
    supervisor: User, second_supervisor: User, lost: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ending an alarm raises no version, so that the other page is not an old one."""
    lost.refresh_from_db()

    def other(comment: str, *, why: str) -> None:
        monkeypatch.undo()
        end_alarm(TrunkRequest.objects.get(pk=lost.pk), second_supervisor)

    monkeypatch.setattr(attention, "demand_comment", other)
    with pytest.raises(errors.Stale, match="no alarm"):
        attention.end_alarm(lost, actor=supervisor, version=lost.version, comment=WHY)
    [event] = audit.history(lost).filter(action=Action.REQUEST_ALARM_ENDED)
    assert event.actor_id == second_supervisor.pk


def test_what_failed_can_still_be_retried_and_alarms_again_when_that_fails(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, lost: TrunkRequest
) -> None:
    end_alarm(lost, supervisor)
    retry(lost, supervisor)
    for _ in range(4):
        refuse_once(zoom)
    carry_out_in_time(lost, takes=4)
    assert states(lost) == ("failed", ["refused"])
    assert list(access.without_trunk_for(supervisor)) == [lost]


def test_a_removal_that_lands_after_its_change_was_given_up_tells_the_supervisors(
    zoom: Zoom, staff: User, supervisor: User, dnis: str
) -> None:
    change = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888")
    zoom.sandbox.fault("drop", method="DELETE", path=TRUNKS, apply="never")
    provision(change.pk)
    let_pass(change)
    change.refresh_from_db()
    reconcile.give_up(change, actor=supervisor, version=change.version, comment="Zoom cannot tell")
    spreading.spread_due()
    assert not Notice.objects.filter(occasion__topic=Topic.LOST).exists(), "Zoom lists it still"
    for minutes in (1, 2):
        listing.take_in(zoom.sub, [], clock.read() + timedelta(minutes=minutes))
    assert list(access.without_trunk_for(supervisor)) == [change]
    spreading.spread_due()
    [notice] = Notice.objects.filter(occasion__topic=Topic.LOST)
    assert notice.user == supervisor
    assert audit.history(change).filter(action=Action.NOTICE_SENT).count() == 1


def test_a_letter_about_a_customer_who_has_a_trunk_again_before_it_is_sent_is_set_aside(
    zoom: Zoom, lost: TrunkRequest, supervisor: User, dnis: str
) -> None:
    spreading.spread_due()
    letters = Notice.objects.filter(occasion__topic=Topic.LOST)
    assert letters.get().sending == Sending.WAITING
    zoom.in_console(dnis, "")
    assert estate.sync(zoom.master.pk)
    assert list(access.without_trunk_for(supervisor)) == []
    mailing.send_due()
    told = letters.get()
    assert (told.sending, told.problem) == (Sending.SPARED, "The customer has a trunk again, or has left.")


def test_the_page_offers_it_to_supervisors_while_there_is_an_alarm(
    supervisor: User, staff: User, lost: TrunkRequest, client: Client
) -> None:
    page = f"/requests/{lost.reference}/"
    client.force_login(staff)
    content = client.get(page).content.decode()
    assert 'disabled aria-describedby="why-end_alarm"' in content
    assert f"Only a supervisor for {lost.master} can end the alarm." in content
    lost.refresh_from_db()
    form = {"version": lost.version, "comment": WHY}
    assert client.post(f"{page}end-alarm/", form).status_code == 403
    client.force_login(supervisor)
    assert "a supervisor ends the alarm here" in client.get(page).content.decode()
    assert client.post(f"{page}end-alarm/", form | {"comment": ""}).status_code == 422
    content = client.post(f"{page}end-alarm/", form, follow=True).content.decode()
    assert "no longer raises the alarm about the customer&#x27;s trunk" in content
    assert "End the alarm" not in content
    assert "without a trunk:" not in content


@pytest.mark.parametrize("ended", [False, True])
def test_nobody_is_asked_who_removed_at_zoom_what_the_portal_removed_itself(
    zoom: Zoom, supervisor: User, dnis: str, lost: TrunkRequest, ended: bool
) -> None:
    """The page of drift said that the portal believes it to be there, and that somebody took it away at Zoom."""
    if ended:
        end_alarm(lost, supervisor)
    let_pass(lost)
    listing.take_in(zoom.sub, [], clock.read() + timedelta(hours=2))
    assert not drifting(zoom.master.sub_accounts.all(), ALARMING)


def test_nor_when_the_new_values_came_after_all(
    zoom: Zoom, supervisor: User, dnis: str, lost: TrunkRequest
) -> None:
    new = f"{zoom.trunk.prefix}888"
    let_pass(lost)
    for hours in (2, 4):
        rows = [Trunk("7001", "", "", new, "0", "")]
        listing.take_in(zoom.sub, rows, clock.read() + timedelta(hours=hours))
    assert not lost.lines.filter(without_trunk=True).exists()
    [row] = drifting(zoom.master.sub_accounts.all(), ALARMING)
    assert (row.dnis, getattr(row, "drift")) == (new, Drift.REFUSED)  # noqa: B009
