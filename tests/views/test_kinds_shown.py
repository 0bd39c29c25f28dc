"""What the pages say of a request to unassign or to change, from the queue to its timeline."""

from typing import Any

import pytest
from django.db import transaction

from tests import cast
from tests.conftest import SignedIn
from tests.views import test_kinds
from tests.views.test_kinds import NEW_ID, OLD_ID, listed, page_of, shown, to_change, words
from trunks import audit
from trunks.actions import Action
from trunks.models import LineState, ListedTrunk, Phase, State, TrunkRequest, User
from trunks.workflow import filing

present = test_kinds.present


def to_unassign(estate: cast.Estate, staff: User, *dnis: str) -> TrunkRequest:
    lines = [filing.LineDraft(estate.trunk, number) for number in dnis]
    return filing.file(filing.Draft(estate.sub, "unassign", "Customer asked", "", lines), actor=staff)


@pytest.mark.parametrize("path", ["/approvals/", "/requests/", "/"])
def test_lists_tell_in_one_glance_what_is_asked(
    signed_in: SignedIn, superuser: User, staff: User, estate: cast.Estate, present: ListedTrunk, path: str
) -> None:
    listed(estate.sub, "18888200")
    to_unassign(estate, staff, "18888200")
    to_change(estate, staff)
    content = signed_in(superuser).get(path).content.decode()
    content = words(content.replace('<span class="visually-hidden">becomes</span>', ""))
    assert "Unassign 18888200" in content
    assert '18888123 <span aria-hidden="true">→ 18888124' in content
    assert f'caller ID <span class="mono nowrap">{OLD_ID} <span aria-hidden="true">→' in content


def test_the_queue_says_which_kind(
    signed_in: SignedIn, supervisor: User, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    to_unassign(estate, staff, "18888123")
    assert "Unassign 1 trunk" in shown(signed_in(supervisor), "/approvals/")


@pytest.mark.parametrize(
    ("kind", "button", "cost"),
    [
        ("unassign", "Approve removal of 1 trunk", "Loss of service"),
        ("change", "Approve change of 1 trunk", "Gap in service"),
    ],
)
def test_whoever_approves_sees_what_it_costs(
    signed_in: SignedIn,
    supervisor: User,
    staff: User,
    estate: cast.Estate,
    present: ListedTrunk,
    kind: str,
    button: str,
    cost: str,
) -> None:
    made = to_change(estate, staff) if kind == "change" else to_unassign(estate, staff, "18888123")
    content = shown(signed_in(supervisor), page_of(made))
    assert button in content
    decide = content.split('id="actions"')[1].split("<button")[0]
    assert cost in decide


def test_a_change_of_the_caller_id_alone_says_that_the_dnis_stays(
    signed_in: SignedIn, supervisor: User, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    assert "keeps its DNIS" in shown(signed_in(supervisor), page_of(to_change(estate, staff, "18888123")))


@pytest.mark.parametrize(
    ("phase", "state", "sentence"),
    [
        (Phase.REMOVE, LineState.UNKNOWN, "Whether 18888123 is removed is not known yet."),
        (Phase.ASSIGN, LineState.NOT_SENT, "18888123 is removed; 18888124 is not assigned yet."),
        (Phase.ASSIGN, LineState.UNKNOWN, "18888123 is removed; 18888124 is not assigned yet."),
        (Phase.RESTORE, LineState.NOT_SENT, "the old ones are being assigned again"),
    ],
)
def test_between_its_steps_a_change_says_how_far_it_is(
    signed_in: SignedIn,
    staff: User,
    estate: cast.Estate,
    present: ListedTrunk,
    phase: Phase,
    state: LineState,
    sentence: str,
) -> None:
    trunk_request = to_change(estate, staff)
    trunk_request.lines.update(phase=phase, state=state)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=State.APPROVED)
    content = shown(signed_in(staff), page_of(trunk_request))
    assert sentence in content
    assert ("The change is between its two steps" in content) is (phase != Phase.REMOVE)


def intended(trunk_request: TrunkRequest, after: dict[str, Any]) -> None:
    with transaction.atomic():
        action = Action.PROVISIONING_INTENDED
        audit.record(action, actor=None, why="provisioning", on=trunk_request, after=after)


def test_the_timeline_tells_what_is_about_to_be_sent(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    trunk_request = to_change(estate, staff)
    path = "/accounts/adatum-account-id/sip_trunk/trunks"
    intended(trunk_request, {"call": f"DELETE {path}/50007", "dnis": "18888123"})
    trunks = [
        {"trunk": "268", "dnis": "18888124", "outbound_caller_id": NEW_ID},
        {"trunk": "268", "dnis": "18888125", "outbound_caller_id": ""},
    ]
    intended(trunk_request, {"call": f"POST {path}", "sip_trunks": trunks})
    content = shown(signed_in(staff), page_of(trunk_request)).split('id="timeline-title"')[1]
    for text in (
        "The portal is about to send this to Zoom:",
        "<li>Remove 18888123.</li>",
        f"DELETE {path}/50007",
        "From here until the next assignment is confirmed, the customer is without this trunk.",
        f"<li>Assign 18888124 of trunk 268, caller ID {NEW_ID}.</li>",
        "<li>Assign 18888125 of trunk 268, no caller ID.</li>",
        f"POST {path}",
    ):
        assert text in content.replace('<strong title="Reason: provisioning">', ""), text
    assert content.count("From here until") == 1


def test_a_removal_for_good_has_no_gap_in_its_timeline(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    trunk_request = to_unassign(estate, staff, "18888123")
    intended(trunk_request, {"call": "DELETE /x", "dnis": "18888123"})
    content = shown(signed_in(staff), page_of(trunk_request))
    assert "Remove 18888123." in content
    assert "From here until" not in content
