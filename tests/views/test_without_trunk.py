"""A customer without a trunk: the alarm on the pages, for whom, and until when."""

import json

import pytest
from django.utils import timezone

from tests import cast
from tests.conftest import SignedIn
from tests.views import test_kinds
from tests.views.test_kinds import page_of, shown, to_change
from trunks.models import (
    Attempt,
    LineState,
    ListedTrunk,
    Phase,
    Role,
    State,
    SubAccount,
    TrunkRequest,
    User,
    ZoomCall,
)
from trunks.workflow import words as explanations

present = test_kinds.present


@pytest.fixture
def lost(estate: cast.Estate, staff: User, present: ListedTrunk) -> TrunkRequest:
    """Return a change that left the customer without a trunk."""
    trunk_request = to_change(estate, staff)
    trunk_request.lines.update(state=LineState.REFUSED, phase=Phase.RESTORE, without_trunk=True)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=State.FAILED)
    ListedTrunk.objects.update(gone_at=timezone.now())
    return trunk_request


ALARM = (
    "The customer is without a trunk: 18888123 was removed, and neither the new nor the old values could be"
)


def test_the_alarm_comes_first_on_the_page(signed_in: SignedIn, staff: User, lost: TrunkRequest) -> None:
    content = shown(signed_in(staff), page_of(lost))
    assert ALARM in content
    assert "Retry, or assign the trunk in Zoom's console." in content
    assert content.index(ALARM) < content.index("data-state=")


FINAL, MENDED = "Invalid parameter: sip_trunks.", "This sub account has no sip trunk plan."


@pytest.mark.parametrize(
    ("new", "old", "in_vain"), [(FINAL, FINAL, True), (MENDED, FINAL, False), (FINAL, MENDED, False)]
)
def test_the_alarm_and_the_explanation_agree_whether_a_retry_makes_sense(
    signed_in: SignedIn, staff: User, lost: TrunkRequest, new: str, old: str, in_vain: bool
) -> None:
    at, said = Attempt.objects.create(trunk_request=lost, fence=1, started_at=timezone.now()), []
    for words in (new, old):
        made = {"method": "POST", "path": "/accounts/a/sip_trunk/trunks", "duration_ms": 1, "status": 400}
        answer = json.dumps({"code": 300, "message": words})
        call = ZoomCall.objects.create(attempt=at, started_at=at.started_at, answer=answer, **made)
        decoded = explanations.decode(call)
        assert decoded
        said.append(decoded.sentence)
    lost.lines.update(detail=" ".join(said))
    content = shown(signed_in(staff), page_of(lost))
    never = "No: the same call would be refused again."
    assert (never in content) is in_vain
    assert ("Retry, or assign the trunk" in content) is not in_vain
    assert ("a retry alone does not help" in content) is in_vain
    assert ("unless something was mended there since" in content) is in_vain


def test_while_it_is_tried_again_the_alarm_stays(
    signed_in: SignedIn, staff: User, lost: TrunkRequest
) -> None:
    TrunkRequest.objects.filter(pk=lost.pk).update(state=State.APPROVED)
    content = shown(signed_in(staff), page_of(lost))
    assert ALARM in content
    assert "The portal is trying again." in content


def test_the_home_page_shows_it_to_requester_and_supervisors_alone(
    signed_in: SignedIn,
    staff: User,
    second_staff: User,
    supervisor: User,
    manager: User,
    estate: cast.Estate,
    lost: TrunkRequest,
) -> None:
    foreign = cast.person("Olga Other", Role.SUPERVISOR, master=estate.foreign_master)
    for user in (staff, supervisor):
        content = shown(signed_in(user), "/")
        banner = content.split('id="alarm-title"')[1].split("</section>")[0]
        assert "A customer is without a trunk" in banner
        assert lost.reference in banner
    for user in (second_staff, manager, foreign):
        assert "without a trunk" not in shown(signed_in(user), "/")


def test_it_goes_when_zoom_lists_a_trunk_again(signed_in: SignedIn, staff: User, lost: TrunkRequest) -> None:
    ListedTrunk.objects.update(gone_at=None)
    assert ALARM not in shown(signed_in(staff), page_of(lost))
    assert "without a trunk" not in shown(signed_in(staff), "/")


def test_a_name_in_the_alarm_is_text(signed_in: SignedIn, staff: User, lost: TrunkRequest) -> None:
    SubAccount.objects.update(name="<script>alert(1)</script>")
    assert "<script>alert" not in signed_in(staff).get("/").content.decode()
