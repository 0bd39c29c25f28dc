"""What the request form lets choose from: master accounts, sub accounts by searching, and the next free DNIS."""

from typing import Any

import pytest

from tests import cast
from tests.conftest import SignedIn
from tests.views.test_request_form import NEW, typed
from trunks.models import MasterTrunk, SubAccount, User


def test_without_estate_it_says_who_can_connect_one(signed_in: SignedIn, staff: User) -> None:
    client = signed_in(staff)
    assert "An administrator can connect one." in client.get(NEW).content.decode()
    response = client.post(NEW, {"sub_account": "1", "kind": "assign", "reason": "x"})
    assert response.status_code == 422


def test_the_address_may_name_the_sub_account(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    content = signed_in(staff).get(f"{NEW}?sub_account={estate.foreign_sub.pk}").content.decode()
    assert f'<option value="{estate.foreign_sub.pk}" selected>' in content
    assert estate.foreign_trunk.name in content


@pytest.mark.parametrize("asked", ["", "&master="])
def test_the_master_account_shown_is_that_of_the_sub_account_named(
    signed_in: SignedIn, staff: User, estate: cast.Estate, asked: str
) -> None:
    client = signed_in(staff)
    for sub in (estate.sub, estate.foreign_sub):
        content = client.get(f"{NEW}?sub_account={sub.pk}{asked}").content.decode()
        masters = content.split('name="master"')[1].split("</select>")[0]
        assert masters.count(" selected") == 1
        assert f'<option value="{sub.master_id}" selected>' in masters


def test_another_master_changes_the_choices_and_keeps_what_was_typed(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    data = typed(estate, master=estate.foreign_master.pk, reason="Typed <b>already</b>")
    content = signed_in(staff).post(f"{NEW}form/", data).content.decode()
    assert estate.foreign_sub.name in content
    assert estate.foreign_trunk.name in content
    assert estate.sub.name not in content
    assert "Typed &lt;b&gt;already&lt;/b&gt;" in content
    assert "There is a problem" not in content


def test_the_master_is_asked_for_only_when_there_are_several(
    signed_in: SignedIn, staff: User, other_staff: User
) -> None:
    assert 'name="master"' in signed_in(staff).get(NEW).content.decode()
    assert 'name="master"' not in signed_in(other_staff).get(NEW).content.decode()


def test_the_search_narrows_the_sub_accounts(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    query: dict[str, Any] = {"sub_account_q": "fourth", "master": estate.master.pk}
    content = signed_in(staff).get(f"{NEW}sub-accounts/", query).content.decode()
    assert estate.other_sub.name in content
    assert estate.sub.name not in content
    assert "1 sub account matches." in content


@pytest.mark.parametrize(
    ("q", "said"),
    [
        ("", "The first 1 are listed; type above to find the others."),
        ("o", "The first 1 are listed; type more above to find the others."),
        ("nothing of the kind", "0 sub accounts match."),
    ],
)
def test_the_search_says_how_many_it_has_found(
    signed_in: SignedIn, staff: User, estate: cast.Estate, monkeypatch: pytest.MonkeyPatch, q: str, said: str
) -> None:
    monkeypatch.setattr("trunks.views.requests.MAX_OPTIONS", 1)
    query: dict[str, Any] = {"sub_account_q": q, "master": estate.master.pk}
    hint = (
        signed_in(staff).get(f"{NEW}sub-accounts/", query).content.decode().split('id="sub-account-hint"')[1]
    )
    assert said in hint


def test_the_search_keeps_the_chosen_sub_account(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    query: dict[str, Any] = {
        "sub_account_q": "fourth",
        "master": estate.master.pk,
        "sub_account": estate.sub.pk,
    }
    content = signed_in(staff).get(f"{NEW}sub-accounts/", query).content.decode()
    assert f'<option value="{estate.sub.pk}" selected>' in content


def test_of_thousands_of_sub_accounts_two_hundred_are_offered_and_any_is_accepted(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    SubAccount.objects.bulk_create(
        SubAccount(
            master=estate.master,
            zoom_id=f"z{number}",
            name=f"Z{number:04}",
            first_seen_at=cast.LONG_AGO,
            last_seen_at=cast.LONG_AGO,
        )
        for number in range(2000)
    )
    last = SubAccount.objects.get(zoom_id="z1999")
    client = signed_in(staff)
    content = client.get(f"{NEW}?master={estate.master.pk}").content.decode()
    select = content.split('id="id_sub_account"')[1].split("</select>")[0]
    assert select.count("<option") == 201
    assert "The first 200 are listed" in content
    assert client.post(NEW, typed(estate, sub_account=last.pk)).status_code == 302


def test_next_free_dnis_leaves_out_what_the_form_holds(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    query: dict[str, Any] = {"trunk": estate.trunk.pk, "besides": "18888000,18888001"}
    assert signed_in(staff).get(f"{NEW}next-dnis/", query).json() == {"dnis": "18888002", "reason": ""}


@pytest.mark.parametrize("trunk", ["", "x", "0", "9" * 40, "²"])
def test_next_free_dnis_of_an_unknown_trunk_is_404(
    signed_in: SignedIn, staff: User, estate: cast.Estate, trunk: str
) -> None:
    assert signed_in(staff).get(f"{NEW}next-dnis/", {"trunk": trunk}).status_code == 404


def test_next_free_dnis_of_a_foreign_trunk_is_404(
    signed_in: SignedIn, other_staff: User, estate: cast.Estate
) -> None:
    assert signed_in(other_staff).get(f"{NEW}next-dnis/?trunk={estate.trunk.pk}").status_code == 404


def test_a_used_up_range_is_said_so(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    MasterTrunk.objects.filter(pk=estate.trunk.pk).update(dnis="12")
    answer = signed_in(staff).get(f"{NEW}next-dnis/?trunk={estate.trunk.pk}").json()
    assert answer["dnis"] == ""
    assert "No DNIS is free" in answer["reason"]
