"""Asking people: what reading could not find out in time is flagged, and goes on being verified."""

from datetime import timedelta

import pytest
from django.conf import settings as configured

from tests import cast
from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks import audit
from trunks.models import Circuit, MasterAccount, TrunkRequest, User, clock
from trunks.workflow import attention, reconcile, sweeping
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


def test_a_request_that_moved_meanwhile_is_not_flagged(
    unconfirmed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow_old(unconfirmed)
    real = attention._flag

    def moved_first(trunk_request: TrunkRequest) -> None:
        let_pass(unconfirmed)
        reconcile.settle(unconfirmed.pk)
        real(trunk_request)

    monkeypatch.setattr(attention, "_flag", moved_first)
    attention.ask_people()
    assert states(unconfirmed)[0] == "done"
    assert not unconfirmed.needs_attention


def test_masters_in_trouble_are_listed_for_those_in_charge(
    estate: cast.Estate, supervisor: User, administrator: User, staff: User
) -> None:
    assert list(attention.masters_for(supervisor)) == []
    Circuit.objects.create(master=estate.master, refused_at=clock.now(), refusal="Zoom refuses")
    MasterAccount.objects.filter(pk=estate.foreign_master.pk).update(sync_problem="cannot be read")
    for user in (supervisor, administrator):
        assert list(attention.masters_for(user)) == [estate.foreign_master, estate.master]
    assert list(attention.masters_for(staff)) == []
