"""What the form offers to be unassigned or changed: the trunks that Zoom last listed for the sub account."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests import cast
from tests.conftest import SignedIn
from tests.views import test_kinds
from tests.views.test_kinds import NEW, OLD_ID, listed
from trunks.models import ListedTrunk, MasterTrunk, User

present = test_kinds.present
PRESENT = f"{NEW}present/"


def offered(client: Client, **query: Any) -> str:
    response = client.get(PRESENT, query)
    assert response.status_code == 200
    return response.content.decode()


def test_what_zoom_last_listed_is_offered_with_its_trunk(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    listed(estate.sub, "90001777", None, zoom_id="own-id", sip_server_address="192.0.2.34")
    listed(estate.sub, "55555", "<b>1</b>", zoom_id="console", sip_server_address="")
    gone = listed(estate.sub, "18888666")
    ListedTrunk.objects.filter(pk=gone.pk).update(gone_at=timezone.now())
    content = offered(signed_in(staff), kind="change", sub_account=estate.sub.pk)
    assert f'data-present="18888123" data-trunk="{estate.trunk.pk}" data-caller-id="{OLD_ID}"' in content
    assert f'data-present="90001777" data-trunk="{estate.other_trunk.pk}" data-caller-id=""' in content
    assert 'data-present="55555" data-trunk=""' in content
    assert "&lt;b&gt;1&lt;/b&gt;" in content
    assert "18888666" not in content
    assert "<html" not in content


def test_a_trunk_that_could_be_two_is_left_to_the_person(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    MasterTrunk.objects.update(sip_server_address="192.0.2.1")
    listed(estate.sub, "18888123", zoom_id="own-id")
    content = offered(signed_in(staff), kind="change", sub_account=estate.sub.pk)
    assert 'data-present="18888123" data-trunk=""' in content


def test_an_assignment_needs_no_present_trunks(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    assert "18888123" not in offered(signed_in(staff), kind="assign", sub_account=estate.sub.pk)


def test_it_says_what_to_do_without_a_sub_account_or_without_trunks(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    client = signed_in(staff)
    assert "Choose the sub account" in offered(client, kind="unassign")
    assert "nothing to unassign" in offered(client, kind="unassign", sub_account=estate.sub.pk)


def test_of_very_many_trunks_the_first_are_shown_and_the_rest_counted(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    now = timezone.now()
    ListedTrunk.objects.bulk_create(
        ListedTrunk(
            master=estate.master,
            sub_account=estate.sub,
            zoom_id=f"t{number}",
            dnis=str(18888000 + number),
            first_seen_at=now,
            last_seen_at=now,
        )
        for number in range(203)
    )
    content = offered(signed_in(staff), kind="change", sub_account=estate.sub.pk)
    assert content.count("data-present=") == 200
    assert "3 more" in content


def test_a_foreign_sub_account_shows_nothing(
    signed_in: SignedIn, other_staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    content = offered(signed_in(other_staff), kind="change", sub_account=estate.sub.pk)
    assert "18888123" not in content
    assert estate.sub.name not in content


@pytest.mark.parametrize("role", ["supervisor", "manager", "administrator", "stranger"])
def test_only_staff_are_offered_them(
    signed_in: SignedIn, request: pytest.FixtureRequest, estate: cast.Estate, role: str
) -> None:
    client = signed_in(request.getfixturevalue(role))
    assert client.get(PRESENT, {"kind": "change", "sub_account": str(estate.sub.pk)}).status_code == 403


def test_it_is_read_only(signed_in: SignedIn, staff: User) -> None:
    assert signed_in(staff).post(PRESENT).status_code == 405
