"""Changes that were given up: the alarm, and the old values, until Zoom's lists tell."""

from datetime import timedelta

import pytest
from django.test import Client

from tests import cast
from tests.workflow import test_give_up
from tests.workflow.conftest import Zoom
from tests.workflow.test_give_up import TRUNKS, give_up
from tests.workflow.timing import let_pass, provision_twice, states
from trunks.models import TrunkRequest, User, clock
from trunks.workflow import errors, filing, listing, reconcile
from trunks.workflow.provisioning import provision
from trunks.zoom.types import Trunk

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
unconfirmed = test_give_up.unconfirmed


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
    for seconds in (60, 61):
        listing.take_in(zoom.sub, [], clock.read() + timedelta(seconds=seconds))
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
    for seconds in (60, 61):
        listing.take_in(zoom.sub, [], clock.read() + timedelta(seconds=seconds))
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
