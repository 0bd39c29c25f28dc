"""The alarm about other trunks that are gone, ended by hand for a customer who is not to have them back."""

from __future__ import annotations

import pytest
from django.core import mail
from django.test import Client

from tests.outbox import deliver
from tests.workflow import test_bystanders
from tests.workflow.conftest import Zoom
from tests.workflow.test_bystanders import look_again, told_of
from tests.workflow.timing import states
from trunks import audit
from trunks.actions import Action
from trunks.models import ListedTrunk, Occasion, State, TrunkRequest, User
from trunks.workflow import attention, displaced, errors, policy
from trunks.workflow.displaced import GONE
from trunks.workflow.provisioning import provision

pytestmark = pytest.mark.sqlite
other = test_bystanders.other
asked = test_bystanders.asked
WHY = "The customer gave the number up in the same call"


@pytest.fixture
def gone(zoom: Zoom, asked: TrunkRequest) -> TrunkRequest:
    """Return a request that is done, and whose call took the trunk `other` away."""
    zoom.sandbox.switch("second_assignment", "replace")
    provision(asked.pk)
    look_again(asked)
    look_again(asked)
    assert states(asked) == ("done", ["assigned"])
    zoom.sandbox.switch("second_assignment", "add")
    return asked


def end(trunk_request: TrunkRequest, actor: User, comment: str = WHY) -> None:
    trunk_request.refresh_from_db()
    attention.end_displaced(trunk_request, actor=actor, version=trunk_request.version, comment=comment)


def alarms(person: User) -> list[tuple[TrunkRequest, list[str]]]:
    return displaced.alarms_for(person)


def test_a_supervisor_ends_it_with_a_reason(supervisor: User, other: str, gone: TrunkRequest) -> None:
    assert alarms(supervisor) == [(gone, [other])]
    end(gone, supervisor)
    assert alarms(supervisor) == []
    assert displaced.missed(gone) == []
    assert states(gone) == ("done", ["assigned"])
    event = list(audit.history(gone))[-1]
    assert (event.action, event.actor_id, event.comment) == ("request.displaced_ended", supervisor.pk, WHY)
    assert event.before == {GONE: [other]}
    assert told_of(gone) == [[other]], "what was told stays on record"


def test_nobody_ends_it_without_a_reason_or_from_an_old_page(supervisor: User, gone: TrunkRequest) -> None:
    with pytest.raises(errors.Invalid) as caught:
        end(gone, supervisor, comment=" ")
    assert list(caught.value.problems) == ["comment"]
    with pytest.raises(errors.Stale):
        attention.end_displaced(gone, actor=supervisor, version=gone.version - 1, comment=WHY)
    assert len(alarms(supervisor)) == 1


def test_one_that_has_ended_is_not_ended_again(supervisor: User, gone: TrunkRequest) -> None:
    end(gone, supervisor)
    assert policy.may(supervisor, "end_displaced", gone).reason == policy.NOTHING_DISPLACED
    with pytest.raises(errors.Stale):
        end(gone, supervisor)


def test_who_looks_for_the_dnis_that_is_gone_finds_when_it_was_missed_and_who_ended_the_alarm(
    supervisor: User, other: str, gone: TrunkRequest
) -> None:
    end(gone, supervisor)
    for action in (Action.PROVISIONING_DISPLACED, Action.REQUEST_DISPLACED_ENDED):
        [event] = audit.history(gone).filter(action=action)
        assert event.dnis == f"{gone.numbers} {other}"


@pytest.mark.parametrize("first", ["another supervisor", "a worker"])
def test_whoever_was_first_between_look_and_lock_is_told(
    supervisor: User,
    second_supervisor: User,
    gone: TrunkRequest,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
) -> None:
    def meanwhile(comment: str, *, why: str) -> None:
        monkeypatch.undo()
        if first == "another supervisor":
            end(TrunkRequest.objects.get(pk=gone.pk), second_supervisor)
        else:
            TrunkRequest.objects.filter(pk=gone.pk).update(version=gone.version + 1)

    gone.refresh_from_db()
    monkeypatch.setattr(attention, "demand_comment", meanwhile)
    with pytest.raises(errors.Stale):
        attention.end_displaced(gone, actor=supervisor, version=gone.version, comment=WHY)
    events = audit.history(gone).filter(action=Action.REQUEST_DISPLACED_ENDED)
    assert [event.actor_id for event in events] == (
        [second_supervisor.pk] if first == "another supervisor" else []
    )


def test_it_is_not_ended_while_the_portal_is_at_work(supervisor: User, gone: TrunkRequest) -> None:
    TrunkRequest.objects.filter(pk=gone.pk).update(state=State.APPROVED)
    with pytest.raises(errors.Stale):
        end(gone, supervisor)
    assert len(alarms(supervisor)) == 1


def test_what_was_ended_alarms_again_when_another_call_takes_it_away(
    supervisor: User, other: str, gone: TrunkRequest
) -> None:
    """The first occasion keeps that it was ended; the one that names the trunk later knows nothing of it."""
    end(gone, supervisor)
    [first] = Occasion.objects.filter(facts__has_key=GONE)
    again = Occasion.objects.create(
        key="lost:again", topic=first.topic, trunk_request=gone, facts={GONE: [other]}, at=first.at
    )
    assert alarms(supervisor) == [(gone, [other])]
    ListedTrunk.objects.filter(dnis=other).update(gone_at=None)
    again.facts[GONE].append("18888999")
    again.save()
    assert alarms(supervisor) == [(gone, ["18888999"])]
    end(gone, supervisor)
    assert alarms(supervisor) == []
    again.refresh_from_db()
    assert again.facts[displaced.ENDED] == ["18888999"], "of what is back again nothing was ended"
    first.refresh_from_db()
    assert first.facts[displaced.ENDED] == [other]


def test_letters_that_are_still_to_be_sent_are_not_sent_after_that(
    supervisor: User, second_supervisor: User, gone: TrunkRequest
) -> None:
    """Without it both supervisors are told: `test_what_an_assignment_replaces_is_told_when_two_lists_lack_it`."""
    end(gone, supervisor)
    deliver()
    assert not [letter for letter in mail.outbox if "are gone" in letter.subject]


def test_the_page_offers_it_to_supervisors_while_there_is_an_alarm(
    supervisor: User, staff: User, other: str, gone: TrunkRequest, client: Client
) -> None:
    page = f"/requests/{gone.reference}/"
    client.force_login(staff)
    content = client.get(page).content.decode()
    assert 'disabled aria-describedby="why-end_displaced"' in content
    assert f"Only a supervisor for {gone.master} can end the alarm." in content
    form = {"version": gone.version, "comment": WHY}
    assert client.post(f"{page}end-displaced/", form).status_code == 403
    client.force_login(supervisor)
    assert "or when a supervisor ends the alarm here" in " ".join(client.get(page).content.decode().split())
    assert client.post(f"{page}end-displaced/", form | {"comment": ""}).status_code == 422
    content = client.post(f"{page}end-displaced/", form, follow=True).content.decode()
    assert "no longer raises the alarm about other trunks of the customer" in content
    assert "End the alarm" not in content
    assert 'id="displaced"' not in content
    assert "ended the alarm: the customer is not to have the other trunks back" in content


def test_it_is_offered_to_nobody_where_nothing_is_gone(
    zoom: Zoom, supervisor: User, staff: User, asked: TrunkRequest, client: Client
) -> None:
    provision(asked.pk)
    for person in (supervisor, staff):
        client.force_login(person)
        assert "End the alarm" not in client.get(f"/requests/{asked.reference}/").content.decode()
