"""The request page where Zoom has moved: validated again before it can be approved."""

import pytest
from django.test import Client

from tests import cast
from tests.conftest import SignedIn
from trunks.models import ListedTrunk, SubAccount, TrunkRequest, User
from trunks.workflow import filing, preview
from trunks.workflow.preview import ZoomNow


@pytest.fixture
def asked(estate: cast.Estate, staff: User) -> TrunkRequest:
    """Return a pending request for a sub account whose list was read before."""
    SubAccount.objects.update(trunks_read_at=cast.LONG_AGO)
    sub = SubAccount.objects.get(pk=estate.sub.pk)
    return filing.file(cast.draft(sub, estate.trunk, "18888123", caller_id="+14155550100"), actor=staff)


@pytest.fixture
def client(signed_in: SignedIn, supervisor: User) -> Client:
    return signed_in(supervisor)


def taken(asked: TrunkRequest, sub: SubAccount) -> None:
    """Have the estate show that `sub` has got the DNIS meanwhile."""
    ListedTrunk.objects.create(
        master=asked.master,
        sub_account=sub,
        zoom_id="9",
        dnis="18888123",
        first_seen_at=cast.LONG_AGO,
        last_seen_at=cast.LONG_AGO,
    )


def page(client: Client, asked: TrunkRequest, rest: str = "") -> str:
    return client.get(f"/requests/{asked.reference}/{rest}").content.decode()


def test_an_ordinary_request_offers_approve_at_once(client: Client, asked: TrunkRequest) -> None:
    content = page(client, asked)
    assert f'action="/requests/{asked.reference}/approve/"' in content
    assert "Re-validate" not in content
    assert f'name="base" value="{asked.base_digest}"' in content


def test_approve_is_replaced_by_re_validate_when_zoom_has_moved(
    client: Client, asked: TrunkRequest, estate: cast.Estate
) -> None:
    taken(asked, estate.other_sub)
    content = page(client, asked)
    assert f'action="/requests/{asked.reference}/approve/"' not in content
    assert f'action="/requests/{asked.reference}/revalidate/"' in content
    assert "18888123 when requested: Nobody has it. Now: Fourth Coffee has it" in content
    assert f'action="/requests/{asked.reference}/send-back/"' in content
    answer = client.post(f"/requests/{asked.reference}/approve/", {"version": 1})
    assert (answer.status_code, asked.decisions.count()) == (409, 0)
    assert "Zoom has changed since" in answer.content.decode()


def test_only_who_can_decide_is_offered_it(
    signed_in: SignedIn, staff: User, asked: TrunkRequest, estate: cast.Estate
) -> None:
    taken(asked, estate.other_sub)
    assert "Re-validate" not in page(signed_in(staff), asked)


def test_once_validated_the_page_says_what_does_not_fit(
    client: Client, asked: TrunkRequest, estate: cast.Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(asked, estate.other_sub)
    monkeypatch.setattr("trunks.workflow.review.read_anew", lambda account: None)
    answer = client.post(f"/requests/{asked.reference}/revalidate/", {"version": 1}, follow=True)
    content = answer.content.decode()
    assert "is validated again" in content
    assert "It cannot be approved as it stands." in content
    assert "18888123 is already assigned to Fourth Coffee at Zoom." in content
    assert f'action="/requests/{asked.reference}/approve/"' not in content
    answer = client.post(f"/requests/{asked.reference}/revalidate/", {"version": 2}, follow=True)
    assert "nothing that concerns it has changed" in answer.content.decode()
    # From now on it stands on what was validated, which is not what there was when it was requested.
    ListedTrunk.objects.all().delete()
    assert "18888123 when validated: Fourth Coffee has it, no caller ID shown. Now: Nobody has it." in page(
        client, asked
    )
    monkeypatch.setattr(preview, "_rows", lambda account: (cast.LONG_AGO, []))
    content = page(client, asked, "zoom-now/")
    assert '<th scope="col">When validated</th>' in content
    assert "requested" not in content.lower()


def test_zoom_that_cannot_be_read_is_said_beside_the_button(
    client: Client, asked: TrunkRequest, estate: cast.Estate
) -> None:
    taken(asked, estate.other_sub)
    answer = client.post(f"/requests/{asked.reference}/revalidate/", {"version": 1})
    assert answer.status_code == 422
    assert "Zoom could not be read, so nothing was changed." in answer.content.decode()
    assert "You can decide all the same" in page(client, asked, "zoom-now/")


def test_a_stale_base_is_answered_like_a_stale_version(client: Client, asked: TrunkRequest) -> None:
    data = {"version": 1, "base": "0" * 64}
    assert client.post(f"/requests/{asked.reference}/approve/", data).status_code == 409
    assert client.post(f"/requests/{asked.reference}/approve/", {"version": 1}).status_code == 302


def test_the_reading_corrects_what_the_open_page_offers(
    client: Client, asked: TrunkRequest, estate: cast.Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(trunk_request: TrunkRequest) -> ZoomNow:
        ListedTrunk.objects.all().delete()
        taken(trunk_request, estate.other_sub)
        return ZoomNow()

    assert 'name="offered" value="1.approve"' in page(client, asked)
    monkeypatch.setattr(preview, "zoom_now", read)
    corrected = page(client, asked, "zoom-now/?offered=1.approve")
    assert 'id="actions"' in corrected
    assert "Re-validate" in corrected
    assert 'id="actions"' not in page(client, asked, "zoom-now/?offered=1.moved")
    assert 'id="actions"' not in page(client, asked, "zoom-now/?offered=7.approve")
    assert 'id="actions"' not in page(client, asked, "zoom-now/")


def test_when_requested_now_and_after_stand_side_by_side(
    client: Client, asked: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "_rows", lambda account: (cast.LONG_AGO, []))
    content = page(client, asked, "zoom-now/")
    for heading in ("When requested", "Now at Zoom", "After approval"):
        assert f'<th scope="col">{heading}</th>' in content
    assert content.count("Nobody has it.") == 2
    assert "Adatum Logistics has it, caller ID +14155550100, through HQ trunk." in content
