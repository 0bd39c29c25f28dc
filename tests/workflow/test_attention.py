"""Asking people: what reading could not find out in time is flagged, and goes on being verified."""

from datetime import timedelta

import pytest
from django.conf import settings as configured

from tests import cast
from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks import audit
from trunks.models import Attempt, Circuit, MasterAccount, Topic, TrunkRequest, User, clock
from trunks.models.notice import Occasion
from trunks.workflow import attention, letters, reconcile, sweeping
from trunks.workflow.claims import claim_approved
from trunks.workflow.provisioning import provision

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
TRUNKS = "/sip_trunk/trunks$"


@pytest.fixture
def unconfirmed(zoom: Zoom, staff: User, supervisor: User) -> TrunkRequest:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(trunk_request.pk)
    return trunk_request


def grow_old(trunk_request: TrunkRequest) -> None:
    long_ago = clock.read() - timedelta(seconds=configured.ASK_PEOPLE_SECONDS + 1)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(changed_at=long_ago)


def test_what_is_unconfirmed_for_too_long_asks_for_people_once(
    unconfirmed: TrunkRequest, supervisor: User, staff: User
) -> None:
    sweeping.sweep()
    unconfirmed.refresh_from_db()
    assert not unconfirmed.needs_attention
    grow_old(unconfirmed)
    sweeping.sweep()
    sweeping.sweep()
    unconfirmed.refresh_from_db()
    assert (unconfirmed.state, unconfirmed.needs_attention) == ("unconfirmed", True)
    actions = [event.action for event in audit.history(unconfirmed)]
    assert actions.count("provisioning.attention") == 1
    assert list(attention.requests_for(supervisor)) == [unconfirmed]
    assert list(attention.requests_for(staff)) == []


def test_it_goes_on_being_verified_and_the_flag_goes_with_the_doubt(
    unconfirmed: TrunkRequest, supervisor: User
) -> None:
    grow_old(unconfirmed)
    attention.ask_people()
    let_pass(unconfirmed)
    reconcile.settle(unconfirmed.pk)
    assert states(unconfirmed) == ("done", ["assigned"])
    assert not unconfirmed.needs_attention
    assert list(attention.requests_for(supervisor)) == []


def test_people_are_not_told_that_nothing_is_sent_again_since_it_is_once_the_list_tells(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    number = zoom.trunk.prefix + "778"
    trunk_request = zoom.approved(staff, supervisor, number)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(trunk_request.pk)
    grow_old(trunk_request)
    attention.ask_people()
    occasion = Occasion.objects.get(topic=Topic.UNSETTLED)
    letter = letters.about_request(occasion, trunk_request)
    assert "sends nothing again before it knows" in " ".join(letter.sentences)
    for _ in range(2):
        let_pass(trunk_request)
        reconcile.settle(trunk_request.pk)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned"])
    assert zoom.assigned() == {number: 1}


def test_a_request_that_moved_meanwhile_is_not_flagged(
    unconfirmed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow_old(unconfirmed)
    real = attention._flag

    def moved_first(trunk_request: TrunkRequest, why: str) -> None:
        let_pass(unconfirmed)
        reconcile.settle(unconfirmed.pk)
        real(trunk_request, why)

    monkeypatch.setattr(attention, "_flag", moved_first)
    attention.ask_people()
    assert states(unconfirmed)[0] == "done"
    assert not unconfirmed.needs_attention


@pytest.fixture
def in_vain(zoom: Zoom, staff: User, supervisor: User) -> TrunkRequest:
    """An approved request whose sub account's list cannot be read."""
    zoom.sandbox.fault("broken_json", path=TRUNKS, times=0)
    return zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")


def try_for_long(trunk_request: TrunkRequest) -> None:
    """Have it tried, and an hour and a second go by until it is tried once more."""
    let_pass(trunk_request)
    provision(trunk_request.pk)
    later = timedelta(seconds=configured.ASK_PEOPLE_SECONDS + 1)
    for attempt in Attempt.objects.all():
        Attempt.objects.filter(pk=attempt.pk).update(started_at=attempt.started_at - later)
    close_circuits()
    let_pass(trunk_request)
    provision(trunk_request.pk)
    trunk_request.refresh_from_db()


def close_circuits() -> None:
    """Say of each circuit that others have reached Zoom meanwhile: it is this sub account alone."""
    Circuit.objects.update(failures=0, opened_at=None)


def asked(trunk_request: TrunkRequest) -> int:
    return [event.action for event in audit.history(trunk_request)].count("provisioning.attention")


def test_what_is_tried_in_vain_for_too_long_asks_for_people_once(
    in_vain: TrunkRequest, supervisor: User, staff: User
) -> None:
    provision(in_vain.pk)
    attention.ask_people()
    in_vain.refresh_from_db()
    assert (in_vain.state, in_vain.tries, in_vain.needs_attention) == ("approved", 1, False)
    try_for_long(in_vain)
    attention.ask_people()
    try_for_long(in_vain)
    attention.ask_people()
    in_vain.refresh_from_db()
    assert (in_vain.state, in_vain.needs_attention, asked(in_vain)) == ("approved", True, 1)
    assert list(attention.requests_for(supervisor)) == [in_vain]
    assert list(attention.requests_for(staff)) == []
    told = Occasion.objects.get(topic=Topic.UNSETTLED)
    assert told.facts["comment"].startswith("Zoom's answer could not be understood")


def test_a_lost_worker_does_not_make_it_forget_that_people_were_asked(in_vain: TrunkRequest) -> None:
    try_for_long(in_vain)
    attention.ask_people()
    let_pass(in_vain)
    assert claim_approved(in_vain.pk)
    let_pass(in_vain)
    sweeping.sweep()
    in_vain.refresh_from_db()
    assert (in_vain.state, in_vain.needs_attention, asked(in_vain)) == ("approved", True, 1)


def test_the_flag_goes_when_it_is_carried_out(in_vain: TrunkRequest, zoom: Zoom) -> None:
    try_for_long(in_vain)
    attention.ask_people()
    zoom.sandbox.faults.remove()
    let_pass(in_vain)
    provision(in_vain.pk)
    in_vain.refresh_from_db()
    assert (in_vain.state, in_vain.needs_attention) == ("done", False)


@pytest.mark.parametrize("trouble", [{"opened_at": clock.now()}, {"refused_at": clock.now()}])
def test_trouble_of_the_whole_master_account_is_not_each_requests_own(
    in_vain: TrunkRequest, trouble: dict[str, object]
) -> None:
    try_for_long(in_vain)
    Circuit.objects.update(**trouble)
    attention.ask_people()
    in_vain.refresh_from_db()
    assert not in_vain.needs_attention


def test_tries_of_an_earlier_approval_do_not_count(in_vain: TrunkRequest, zoom: Zoom) -> None:
    try_for_long(in_vain)
    TrunkRequest.objects.filter(pk=in_vain.pk).update(tries=0)  # as a retry does
    let_pass(in_vain)
    provision(in_vain.pk)
    attention.ask_people()
    in_vain.refresh_from_db()
    assert (in_vain.tries, in_vain.needs_attention) == (1, False)


@pytest.mark.parametrize(("losses", "told"), [(1, False), (2, True)])
def test_workers_that_are_lost_with_it_again_and_again_ask_for_people(
    zoom: Zoom, staff: User, supervisor: User, losses: int, *, told: bool
) -> None:
    trunk_request = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    for _ in range(losses):
        let_pass(trunk_request)
        assert claim_approved(trunk_request.pk)
        let_pass(trunk_request)
        sweeping.take_back(trunk_request.pk)
    attention.ask_people()
    trunk_request.refresh_from_db()
    assert not trunk_request.needs_attention
    Attempt.objects.update(started_at=cast.LONG_AGO)
    attention.ask_people()
    trunk_request.refresh_from_db()
    assert (trunk_request.state, trunk_request.needs_attention) == ("approved", told)


def test_masters_in_trouble_are_listed_for_those_in_charge(
    estate: cast.Estate, supervisor: User, administrator: User, staff: User
) -> None:
    assert list(attention.masters_for(supervisor)) == []
    Circuit.objects.create(master=estate.master, refused_at=clock.now(), refusal="Zoom refuses")
    MasterAccount.objects.filter(pk=estate.foreign_master.pk).update(sync_problem="cannot be read")
    for user in (supervisor, administrator):
        assert list(attention.masters_for(user)) == [estate.foreign_master, estate.master]
    assert list(attention.masters_for(staff)) == []
