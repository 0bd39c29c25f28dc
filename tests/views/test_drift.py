"""The page of differences between Zoom's lists and what the portal believes."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from tests.models import listing
from tests.models.listing import CALLER_ID, READ, gone, listed, word
from trunks.models import Kind, LineState, ListedTrunk, MasterTrunk, Phase, State, SubAccount, User

HOSTILE = "<script>alert('x')</script>"
read = listing.read


@pytest.fixture
def client(staff: User, signed_in: SignedIn) -> Client:
    return signed_in(staff)


def text(client: Client, path: str = "/drift/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def rows(client: Client, path: str = "/drift/") -> list[tuple[str, str]]:
    return [(row.listed.dnis, row.kind) for row in client.get(path).context["rows"]]


def test_each_kind_is_told_with_what_is_believed_shown_and_to_be_done(
    client: Client, estate: cast.Estate, staff: User
) -> None:
    missing = word(estate, staff, outbound_caller_id=CALLER_ID)
    gone(estate.sub)
    different = word(estate, staff, dnis="18888002", outbound_caller_id=CALLER_ID)
    listed(estate.sub, "18888002", outbound_caller_id="+14155550199")
    still = word(estate, staff, LineState.UNASSIGNED, dnis="18888003", kind=Kind.UNASSIGN, phase=Phase.REMOVE)
    listed(estate.sub, "18888003")
    listed(estate.sub, "90001004")
    listed(estate.other_sub, "90001004")
    page = text(client)
    assert [kind for _, kind in rows(client)] == ["missing", "different", "still_there", "twice", "twice"]
    for line in (missing, different, still):
        assert f"/requests/{line.trunk_request}/" in page
    account = (
        f"/requests/new/?sub_account={estate.sub.pk}&amp;lines-0-trunk={estate.trunk.pk}&amp;lines-0-dnis="
    )
    assert f"{account}18888001&amp;lines-0-outbound_caller_id=%2B14155550100&amp;kind=assign" in page
    assert "kind=change&amp;lines-0-current_dnis=18888002" in page
    assert f"{account}18888003&amp;kind=unassign" in page
    assert "Unassigned<" in page
    assert "+14155550199" in page
    assert f'also at <a href="/sub-accounts/{estate.other_sub.pk}/">Fourth Coffee</a>' in page
    assert "Backup trunk" in page


def test_what_was_refused_and_is_there_leads_to_its_request(
    client: Client, estate: cast.Estate, staff: User
) -> None:
    refused = word(estate, staff, LineState.REFUSED, request_state=State.FAILED)
    listed(estate.sub, first_seen_at=READ)
    page = text(client)
    assert rows(client) == [("18888001", "refused")]
    assert "Not assigned: Zoom refused it" in page
    assert f"/requests/{refused.trunk_request}/" in page
    assert "retry the request: what is there is taken over" in page
    assert "lines-0-dnis=18888001&amp;kind=unassign" in page


def test_the_form_that_a_row_leads_to_is_filled_in(client: Client, estate: cast.Estate, staff: User) -> None:
    word(estate, staff, outbound_caller_id=CALLER_ID)
    gone(estate.sub)
    [row] = client.get("/drift/").context["rows"]
    form = text(client, row.file_url)
    assert 'value="18888001"' in form
    assert f'value="{CALLER_ID}"' in form


def test_what_a_failed_change_brought_back_is_believed_with_its_old_values(
    client: Client, estate: cast.Estate, staff: User
) -> None:
    values: dict[str, Any] = {
        "current_dnis": "18888001",
        "current_caller_id": CALLER_ID,
        "phase": Phase.RESTORE,
    }
    values |= {"kind": Kind.CHANGE, "dnis": "18888002", "request_state": State.FAILED}
    word(estate, staff, LineState.REFUSED, **values)
    gone(estate.sub)
    [row] = client.get("/drift/").context["rows"]
    assert (row.removed, row.caller_id) == (False, CALLER_ID)


def test_what_was_not_filed_here_is_shown_when_it_is_asked_for(client: Client, estate: cast.Estate) -> None:
    listed(estate.sub, "18888001")
    MasterTrunk.objects.update(dnis="")
    assert rows(client) == []
    page = text(client, "/drift/?kind=not_filed")
    assert "no request of the portal assigned it" in page
    assert "Trunk not known" in page
    assert "/requests/new/?" not in page


def test_without_drift_it_says_what_was_read_and_when(client: Client, estate: cast.Estate) -> None:
    page = text(client)
    assert "No drift" in page
    assert "show what the portal believes" in page
    SubAccount.objects.update(trunks_read_at=None)
    page = text(client)
    assert "Nothing to compare yet" in page
    assert "Adatum Logistics</a> (not read yet)" in page
    assert "No difference fits" in text(client, "/drift/?q=nothing")


def test_sub_accounts_that_could_not_be_read_are_named_up_to_a_number(
    client: Client, estate: cast.Estate
) -> None:
    for number in range(12):
        cast.sub_account(estate.master, f"many-{number}", f"Many {number}")
    SubAccount.objects.filter(pk=estate.sub.pk).update(trunks_problem="Zoom is in trouble.")
    page = text(client)
    assert "Adatum Logistics</a> (could not be read)" in page
    assert "and others." in page


def test_a_dnis_that_one_customer_has_more_than_once_is_told_as_that(
    client: Client, estate: cast.Estate, staff: User
) -> None:
    word(estate, staff)
    listed(estate.sub)
    listed(estate.sub, zoom_id="own-again")
    listed(estate.sub, zoom_id="not-in-the-newest-list", last_seen_at=cast.LONG_AGO)
    page = text(client)
    assert rows(client) == [("18888001", "twice")] * 2
    assert "1 more row of it here; this one has the id" in page
    assert ">own-again<" in page
    assert "removes every one." in page
    assert "unassigned from the other" not in page
    listed(estate.other_sub)
    page = text(client)
    assert "unassigned from the other. Zoom has it more than once for this customer." in page


def test_filters_narrow_by_master_kind_name_zoom_id_and_dnis(
    client: Client, estate: cast.Estate, staff: User
) -> None:
    word(estate, staff, dnis="0123456")
    gone(estate.sub, "0123456")
    listed(estate.foreign_sub, "70003001")
    other = cast.sub_account(estate.foreign_master, "wingtip-account-id", "Wingtip Toys")
    SubAccount.objects.filter(pk=other.pk).update(trunks_read_at=READ)
    listed(other, "70003001")
    mine, theirs = [("0123456", "missing")], [("70003001", "twice")] * 2
    assert rows(client) == mine + theirs
    assert rows(client, f"/drift/?master={estate.master.pk}") == mine
    assert rows(client, "/drift/?kind=twice") == theirs
    assert rows(client, "/drift/?q=adatum") == rows(client, "/drift/?q=adatum-account") == mine
    assert rows(client, "/drift/?q=0123") == mine
    assert rows(client, "/drift/?q=123") == []
    assert rows(client, "/drift/?q=wingtip") == theirs[:1]
    assert rows(client, "/drift/?kind=invented&master=x") == mine + theirs


def test_only_the_masters_of_a_persons_roles_are_shown(
    estate: cast.Estate, staff: User, other_staff: User, stranger: User, signed_in: SignedIn
) -> None:
    word(estate, staff)
    gone(estate.sub)
    SubAccount.objects.filter(pk=estate.other_sub.pk).update(trunks_problem="Zoom is in trouble.")
    assert "Adatum Logistics" in text(signed_in(staff))
    for who in (other_staff, stranger):
        page = text(signed_in(who), f"/drift/?master={estate.master.pk}")
        assert "Adatum Logistics" not in page
        assert "Fourth Coffee" not in page
        assert "18888001" not in page


def test_who_may_not_file_is_not_offered_it(
    estate: cast.Estate, staff: User, manager: User, signed_in: SignedIn
) -> None:
    word(estate, staff)
    gone(estate.sub)
    page = text(signed_in(manager))
    assert "Missing at Zoom" in page
    assert "/requests/new/" not in page


def test_it_cannot_be_posted_to(client: Client) -> None:
    assert client.post("/drift/").status_code == 405


def test_names_from_zoom_are_shown_as_text(client: Client, estate: cast.Estate) -> None:
    SubAccount.objects.update(name=HOSTILE)
    listed(estate.sub, outbound_caller_id=HOSTILE)
    page = text(client, "/drift/?kind=not_filed")
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page


def test_the_sub_accounts_page_says_that_it_drifts(client: Client, estate: cast.Estate, staff: User) -> None:
    listed(estate.sub, "18888009")
    path = f"/sub-accounts/{estate.sub.pk}/"
    assert "see the drift" not in text(client, path)
    word(estate, staff)
    gone(estate.sub)
    assert 'of 1 trunk: <a href="/drift/?q=adatum-account-id">see the drift</a>' in text(client, path)


def test_paging_walks_through_every_row_once_and_back_where_dnis_tie(
    client: Client, estate: cast.Estate
) -> None:
    for number in range(120):
        account = cast.sub_account(estate.master, f"x{number}", f"X {number}")
        listed(account, f"0888800{number // 60}")
    SubAccount.objects.update(trunks_read_at=READ)
    seen: list[ListedTrunk] = []
    answer = client.get("/drift/?kind=twice")
    while True:
        seen += answer.context["page"].rows
        if not answer.context["page"].next_url:
            break
        answer = client.get(f"/drift/{answer.context['page'].next_url}")
    assert len({row.pk for row in seen}) == len(seen) == 120
    assert [row.dnis for row in seen] == ["08888000"] * 60 + ["08888001"] * 60
    back = client.get(f"/drift/{answer.context['page'].previous_url}")
    assert [row.pk for row in back.context["page"].rows] == [row.pk for row in seen[50:100]]


def test_it_takes_as_many_queries_for_60_rows_as_for_10(
    client: Client,
    estate: cast.Estate,
    staff: User,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    def fill(numbers: range) -> None:
        for number in numbers:
            word(estate, staff, dnis=f"18888{number:02d}1", ended=READ - timedelta(hours=1))
            gone(estate.sub, f"18888{number:02d}1")
            listed(estate.sub, f"18888{number:02d}2")
            listed(estate.other_sub, f"18888{number:02d}2")

    fill(range(10))
    with django_assert_max_num_queries(14) as counted:
        client.get("/drift/")
    fill(range(10, 60))
    with django_assert_num_queries(len(counted)):
        assert "Next" in client.get("/drift/").content.decode()
