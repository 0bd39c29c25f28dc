"""Amending a request: the same form, bound to the version that was shown."""

from typing import Any

import pytest

from tests import cast
from tests.conftest import SignedIn
from trunks import audit
from trunks.models import State, TrunkRequest, User
from trunks.workflow import review


def address(trunk_request: TrunkRequest) -> str:
    return f"/requests/{trunk_request.reference}/amend/"


def typed(trunk_request: TrunkRequest, **changes: Any) -> dict[str, Any]:
    line = trunk_request.lines.get()
    return {
        "version": trunk_request.version,
        "sub_account": trunk_request.sub_account_id,
        "kind": "assign",
        "reason": "Better reason",
        "lines-0-trunk": line.trunk_id,
        "lines-0-dnis": "18888777",
    } | changes


def test_the_form_shows_what_is_asked_now(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    content = signed_in(staff).get(address(trunk_request)).content.decode()
    for text in ('value="18888123"', 'value="+14155550100"', "New customer", 'value="CHG-1"'):
        assert text in content
    assert f'name="version" value="{trunk_request.version}"' in content


def test_amending_makes_a_new_version_and_asks_again(
    signed_in: SignedIn, staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    review.send_back(trunk_request, actor=supervisor, version=1, comment="Other number")
    response = signed_in(staff).post(address(trunk_request), typed(trunk_request))
    trunk_request.refresh_from_db()
    assert response.status_code == 302
    assert trunk_request.state == State.PENDING
    assert trunk_request.content_version == 2
    assert trunk_request.lines.get().dnis == "18888777"


def test_a_stale_version_is_409(signed_in: SignedIn, staff: User, trunk_request: TrunkRequest) -> None:
    data = typed(trunk_request)
    client = signed_in(staff)
    assert client.post(address(trunk_request), data).status_code == 302
    assert client.post(address(trunk_request), data).status_code == 409
    trunk_request.refresh_from_db()
    assert trunk_request.content_version == 2


@pytest.mark.parametrize("version", ["", "x", "9" * 30])
def test_a_version_that_cannot_be_read_is_422(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest, version: str
) -> None:
    response = signed_in(staff).post(address(trunk_request), typed(trunk_request, version=version))
    assert response.status_code == 422


def test_problems_come_back_with_what_was_typed(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    data = typed(trunk_request, **{"lines-0-dnis": "1"})
    response = signed_in(staff).post(address(trunk_request), data)
    assert response.status_code == 422
    assert "Better reason" in response.content.decode()
    assert 'href="#id_lines-0-dnis"' in response.content.decode()


def test_a_sub_account_of_another_master_is_refused(
    signed_in: SignedIn, staff: User, estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    data = typed(trunk_request, sub_account=estate.foreign_sub.pk)
    assert signed_in(staff).post(address(trunk_request), data).status_code == 422


def test_only_who_filed_it_amends_it(
    signed_in: SignedIn, second_staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    for user in (second_staff, supervisor):
        client = signed_in(user)
        assert client.get(address(trunk_request)).status_code == 403
        before = audit.history(trunk_request).count()
        response = client.post(address(trunk_request), typed(trunk_request))
        assert response.status_code == 403
        assert "Who could: Stella Staff" in response.content.decode()
        # Having looked at the form is no attempt; sending it is one.
        [event] = list(audit.history(trunk_request))[before:]
        assert (event.action, event.actor, event.after["action"]) == ("request.action_refused", user, "amend")


def test_a_settled_request_is_not_amended(
    signed_in: SignedIn, staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    review.deny(trunk_request, actor=supervisor, version=1, comment="No")
    assert signed_in(staff).get(address(trunk_request)).status_code == 409
    assert signed_in(staff).post(address(trunk_request), typed(trunk_request)).status_code == 409


def test_other_methods_are_refused(signed_in: SignedIn, staff: User, trunk_request: TrunkRequest) -> None:
    assert signed_in(staff).put(address(trunk_request)).status_code == 405
