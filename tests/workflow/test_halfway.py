"""A change between its two steps: when it alarms, and what of others it finds when it goes on."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.workflow import test_removing
from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import OLD, TRUNKS, at_zoom, to_change
from tests.workflow.timing import let_pass, states
from trunks import access
from trunks.models import Circuit, Occasion, Topic, TrunkRequest, User, clock
from trunks.workflow import attention, estate, letters, stopping, sweeping
from trunks.workflow.provisioning import provision

pytestmark = pytest.mark.sqlite
dnis = test_removing.dnis


@pytest.fixture
def halfway(zoom: Zoom, staff: User, supervisor: User, dnis: str) -> TrunkRequest:
    """Return a change that has removed the DNIS and waits for Zoom, which is busy for a moment."""
    change = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "888")
    zoom.sandbox.fault("429", method="POST", path=TRUNKS, seconds=0.1)
    provision(change.pk)
    assert states(change) == ("approved", ["not_sent"])
    assert at_zoom(zoom) == {}
    return change


def its_dnis_is_taken(zoom: Zoom, halfway: TrunkRequest) -> None:
    """Have another customer get, in Zoom's console, the DNIS that the change is to assign, when it may go on."""
    zoom.in_console(zoom.trunk.prefix + "888", "", account=zoom.other_sub)
    let_pass(halfway)
    assert estate.sync(zoom.master.pk)


def minutes_later(trunk_request: TrunkRequest) -> None:
    """Have two minutes go by, in which a worker was rung for it and the sweep came by."""
    let_pass(trunk_request)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(changed_at=clock.after(-120))
    provision(trunk_request.pk)
    sweeping.sweep()


def letters_about_it(trunk_request: TrunkRequest, topic: Topic = Topic.LOST) -> list[letters.Letter]:
    return [
        letters.about_request(occasion, trunk_request)
        for occasion in Occasion.objects.filter(topic=topic, trunk_request=trunk_request)
    ]


def test_a_change_that_a_stop_keeps_halfway_alarms(
    zoom: Zoom, supervisor: User, halfway: TrunkRequest, client: Client
) -> None:
    stopping.stop(actor=supervisor, reason="Wrong numbers went out")
    sweeping.sweep()
    assert list(access.without_trunk_for(supervisor)) == [], "it may go on within a moment"
    minutes_later(halfway)
    minutes_later(halfway)
    assert states(halfway)[0] == "approved"
    assert list(access.without_trunk_for(supervisor)) == [halfway]
    [letter] = letters_about_it(halfway)
    assert "goes on by itself" in letter.sentences[1]
    assert "Nothing is assigned in its place yet" in letter.items[0]
    client.force_login(supervisor)
    page = client.get(f"/requests/{halfway.reference}/").content.decode()
    assert "nothing is assigned in its place yet" in page
    assert "what it waits for stands below" in page


def test_so_does_one_that_a_zoom_that_does_not_answer_keeps_halfway(
    zoom: Zoom, supervisor: User, halfway: TrunkRequest
) -> None:
    Circuit.objects.update_or_create(master=zoom.master, defaults={"failures": 5, "opened_at": clock.read()})
    minutes_later(halfway)
    assert states(halfway)[0] == "approved"
    assert list(access.without_trunk_for(supervisor)) == [halfway]


def test_one_that_goes_on_in_time_alarms_nobody(zoom: Zoom, supervisor: User, halfway: TrunkRequest) -> None:
    let_pass(halfway)
    provision(halfway.pk)
    sweeping.sweep()
    assert states(halfway) == ("done", ["assigned"])
    assert letters_about_it(halfway) == []


def test_a_worker_that_takes_it_up_at_this_moment_is_not_alarmed_about(
    zoom: Zoom, supervisor: User, halfway: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_pass(halfway)
    TrunkRequest.objects.filter(pk=halfway.pk).update(changed_at=clock.after(-120))
    zoom.before(monkeypatch, "trunks.audit.change", lambda: provision(halfway.pk))
    attention.alarm_of_halfway()
    assert states(halfway) == ("done", ["assigned"])
    assert not halfway.lines.get().without_trunk


def test_a_change_whose_old_trunk_somebody_has_assigned_in_the_console_meanwhile_removes_it_again(
    zoom: Zoom, dnis: str, halfway: TrunkRequest
) -> None:
    """As the letter about it advises; the customer would have both, and the request would say done."""
    zoom.in_console(dnis, OLD)
    let_pass(halfway)
    provision(halfway.pk)
    assert states(halfway) == ("done", ["assigned"])
    assert set(at_zoom(zoom)) == {zoom.trunk.prefix + "888"}


def test_a_change_that_is_sent_back_after_its_removal_was_undone_does_not_say_that_nothing_was_sent(
    zoom: Zoom, dnis: str, halfway: TrunkRequest
) -> None:
    zoom.in_console(dnis, OLD)
    its_dnis_is_taken(zoom, halfway)
    provision(halfway.pk)
    assert states(halfway) == ("sent_back", ["not_sent"])
    assert at_zoom(zoom) == {dnis: OLD}
    [letter] = letters_about_it(halfway, Topic.SETTLED)
    assert "so nothing was sent" not in " ".join(letter.sentences)
    assert "nothing more was sent; nothing of what was sent before is in place" in " ".join(letter.sentences)


def test_or_leaves_it_when_its_own_dnis_is_taken_by_then(
    zoom: Zoom, dnis: str, halfway: TrunkRequest, supervisor: User
) -> None:
    halfway.lines.update(without_trunk=True)
    zoom.in_console(dnis, OLD)
    its_dnis_is_taken(zoom, halfway)
    provision(halfway.pk)
    assert states(halfway) == ("sent_back", ["not_sent"])
    assert at_zoom(zoom) == {dnis: OLD}
    assert list(access.without_trunk_for(supervisor)) == []


def test_a_dnis_that_came_into_another_sub_account_halfway_is_not_given_twice(
    zoom: Zoom, dnis: str, halfway: TrunkRequest
) -> None:
    its_dnis_is_taken(zoom, halfway)
    provision(halfway.pk)
    assert states(halfway) == ("failed", ["refused"])
    assert at_zoom(zoom) == {dnis: OLD}
    line = halfway.lines.get()
    assert f"is already assigned to {zoom.other_sub} at Zoom" in line.detail
    assert "The old values were assigned again." in line.detail
