"""The lists and pages of master trunks and sub accounts."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from trunks.models import ListedTrunk, MasterTrunk, Role, State, SubAccount, TrunkRequest, User

HOSTILE = "<script>alert('x')</script>"


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def listed(sub: SubAccount, dnis: str, **values: str | None) -> ListedTrunk:
    return ListedTrunk.objects.create(
        master=sub.master,
        sub_account=sub,
        zoom_id=f"own-{dnis}",
        dnis=dnis,
        first_seen_at=cast.LONG_AGO,
        last_seen_at=cast.LONG_AGO,
        **values,
    )


@pytest.fixture
def client(staff: User, signed_in: SignedIn) -> Client:
    return signed_in(staff)


def many_sub_accounts(estate: cast.Estate, number: int) -> None:
    for index in range(number):
        cast.sub_account(estate.master, f"many-{index:03d}", f"Many {index:03d}")


def many_trunks(estate: cast.Estate, number: int) -> None:
    for index in range(number):
        cast.master_trunk(estate.master, f"many-{index:03d}", f"Many {index:03d}", f"{30000 + index}123", "")


def test_the_lists_show_what_is_at_zoom_with_names_and_ids(client: Client, estate: cast.Estate) -> None:
    trunks, accounts = text(client, "/trunks/"), text(client, "/sub-accounts/")
    assert "HQ trunk" in trunks
    assert "281" in trunks
    assert "Adatum Logistics" in accounts
    assert "fourth-coffee-account-id" in accounts


@pytest.mark.parametrize("path", ["/trunks/", "/sub-accounts/"])
def test_a_list_of_nothing_says_what_comes_next(client: Client, path: str) -> None:
    assert "appear once a master account is connected" in text(client, path)


@pytest.mark.parametrize(
    ("path", "found", "missed"),
    [
        ("/trunks/?q=hq", "HQ trunk", "Backup trunk"),
        ("/trunks/?q=281", "Backup trunk", "HQ trunk"),
        ("/trunks/?q=18888", "HQ trunk", "Backup trunk"),
        ("/sub-accounts/?q=adatum", "Adatum Logistics", "Fourth Coffee"),
        ("/sub-accounts/?q=fourth-coffee-account", "Fourth Coffee", "Adatum Logistics"),
        ("/sub-accounts/?q=18888777", "Adatum Logistics", "Fourth Coffee"),
    ],
)
def test_search_finds_by_name_zoom_id_and_dnis(
    client: Client, estate: cast.Estate, path: str, found: str, missed: str
) -> None:
    listed(estate.sub, "18888777")
    page = text(client, path)
    assert found in page
    assert missed not in page


@pytest.mark.parametrize("path", ["/trunks/", "/sub-accounts/"])
@pytest.mark.parametrize("q", ["no-such-thing", "%25", "%00", "x" * 300, "%3Cscript%3E"])
def test_a_search_that_finds_nothing_or_makes_no_sense_is_answered(
    client: Client, estate: cast.Estate, path: str, q: str
) -> None:
    assert "<script>alert" not in text(client, f"{path}?q={q}")


def test_what_is_gone_is_not_in_the_list_until_it_is_asked_for(client: Client, estate: cast.Estate) -> None:
    SubAccount.objects.filter(pk=estate.sub.pk).update(gone_at=timezone.now())
    MasterTrunk.objects.filter(pk=estate.trunk.pk).update(gone_at=timezone.now())
    for path, name, other in (
        ("/sub-accounts/", "Adatum Logistics", "Fourth Coffee"),
        ("/trunks/", "HQ trunk", "Backup trunk"),
    ):
        assert name not in text(client, path)
        gone = text(client, f"{path}?show=gone")
        assert name in gone
        assert other not in gone
        assert "Gone from Zoom</span>" in gone
        everything = text(client, f"{path}?show=all")
        assert name in everything
        assert other in everything


def test_only_the_masters_of_a_persons_roles_are_shown(
    estate: cast.Estate, other_staff: User, signed_in: SignedIn
) -> None:
    page = text(signed_in(other_staff), "/trunks/") + text(signed_in(other_staff), "/sub-accounts/?show=all")
    assert "Carrier trunk" in page
    assert "Tailspin Toys" in page
    assert "HQ trunk" not in page
    assert "Adatum Logistics" not in page


def test_objects_of_other_masters_are_404_by_address(
    estate: cast.Estate, other_staff: User, signed_in: SignedIn
) -> None:
    client = signed_in(other_staff)
    assert client.get(f"/trunks/{estate.trunk.pk}/").status_code == 404
    assert client.get(f"/sub-accounts/{estate.sub.pk}/").status_code == 404
    assert client.get(f"/trunks/{estate.foreign_trunk.pk}/").status_code == 200
    assert client.get(f"/sub-accounts/{estate.foreign_sub.pk}/").status_code == 200


def test_a_stranger_sees_no_row(estate: cast.Estate, stranger: User, signed_in: SignedIn) -> None:
    client = signed_in(stranger)
    assert "HQ trunk" not in text(client, "/trunks/?show=all")
    assert client.get(f"/sub-accounts/{estate.sub.pk}/").status_code == 404


@pytest.mark.parametrize("path", ["/trunks/", "/trunks/1/", "/sub-accounts/", "/sub-accounts/1/"])
def test_the_estate_cannot_be_posted_to(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


@pytest.mark.parametrize("path", ["/trunks/99999999999999999999/", "/sub-accounts/0/"])
def test_what_does_not_exist_is_404(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(("path", "make"), [("/trunks/", many_trunks), ("/sub-accounts/", many_sub_accounts)])
def test_a_list_takes_as_many_queries_for_60_rows_as_for_10(
    client: Client,
    estate: cast.Estate,
    path: str,
    make: Callable[[cast.Estate, int], None],
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    make(estate, 10)
    with django_assert_max_num_queries(11) as counted:
        client.get(path)
    MasterTrunk.objects.filter(zoom_id__startswith="many").delete()
    SubAccount.objects.filter(zoom_id__startswith="many").delete()
    make(estate, 60)
    with django_assert_num_queries(len(counted)):
        assert "Next" in client.get(path).content.decode()


def test_paging_walks_through_every_row_once_and_back(client: Client, estate: cast.Estate) -> None:
    many_sub_accounts(estate, 120)
    seen: list[SubAccount] = []
    answer = client.get("/sub-accounts/?q=many")
    while True:
        seen += answer.context["page"].rows
        if not answer.context["page"].next_url:
            break
        answer = client.get(f"/sub-accounts/{answer.context['page'].next_url}")
    assert [account.name for account in seen] == [f"Many {index:03d}" for index in range(120)]
    back = client.get(f"/sub-accounts/{answer.context['page'].previous_url}")
    assert [account.name for account in back.context["page"].rows] == [
        f"Many {index:03d}" for index in range(50, 100)
    ]


def test_names_from_zoom_are_shown_as_text(client: Client, estate: cast.Estate) -> None:
    SubAccount.objects.update(name=HOSTILE, owner_email=HOSTILE, trunks_problem=HOSTILE)
    MasterTrunk.objects.update(name=HOSTILE, sip_server_address=HOSTILE, number_prefix=HOSTILE)
    listed(estate.sub, "18888777", name=HOSTILE, outbound_caller_id=HOSTILE)
    for path in (
        "/trunks/",
        f"/trunks/{estate.trunk.pk}/",
        "/sub-accounts/",
        f"/sub-accounts/{estate.sub.pk}/",
    ):
        page = text(client, path)
        assert "&lt;script&gt;alert" in page
        assert "<script>alert" not in page


def test_a_trunks_page_says_how_full_its_range_is(
    client: Client, estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    listed(estate.sub, "18888001")
    listed(estate.sub, "18888002", gone_at=None)
    listed(estate.foreign_sub, "18888003")
    page = client.get(f"/trunks/{estate.trunk.pk}/")
    assert (page.context["range"].listed, page.context["range"].held, page.context["range"].free) == (
        2,
        1,
        997,
    )
    content = page.content.decode()
    assert "<strong>997</strong> of 1000 free" in content
    assert trunk_request.reference in content
    assert "Adatum Logistics" in content
    assert "Tailspin Toys" not in content


def test_what_zoom_lists_already_is_held_and_counted_once(
    client: Client, estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    listed(estate.sub, trunk_request.lines.get().dnis)
    content = text(client, f"/trunks/{estate.trunk.pk}/")
    assert "<dt>Only held by requests</dt><dd>0</dd>" in content
    assert f"{trunk_request.reference}</a></li>" in content


def test_a_trunk_without_a_usable_prefix_says_so(client: Client, estate: cast.Estate) -> None:
    MasterTrunk.objects.filter(pk=estate.trunk.pk).update(dnis="12")
    page = text(client, f"/trunks/{estate.trunk.pk}/")
    assert "No usable prefix at Zoom" in page


def test_a_sub_accounts_page_shows_what_zoom_lists_its_requests_and_the_way_to_file(
    client: Client, estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    listed(estate.sub, "18888001", outbound_caller_id="+14155550199")
    gone = listed(estate.sub, "18888002", name="Old one")
    ListedTrunk.objects.filter(pk=gone.pk).update(gone_at=timezone.now())
    page = text(client, f"/sub-accounts/{estate.sub.pk}/")
    assert "+14155550199" in page
    assert "No longer listed (1)" in page
    assert trunk_request.reference in page
    assert f"/requests/new/?sub_account={estate.sub.pk}" in page


def test_nothing_can_be_filed_for_an_account_that_is_gone(client: Client, estate: cast.Estate) -> None:
    SubAccount.objects.filter(pk=estate.sub.pk).update(gone_at=timezone.now())
    page = text(client, f"/sub-accounts/{estate.sub.pk}/")
    assert "Zoom no longer lists this account" in page
    assert "/requests/new/" not in page


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR])
def test_who_may_not_file_is_not_offered_it(estate: cast.Estate, signed_in: SignedIn, role: Role) -> None:
    client = signed_in(cast.person("Nora Nofile", role))
    assert "/requests/new/?" not in text(client, f"/sub-accounts/{estate.sub.pk}/")


def test_an_accounts_page_takes_as_many_queries_for_many_rows_as_for_few(
    client: Client,
    estate: cast.Estate,
    staff: User,
    trunk_request: TrunkRequest,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    paths = (f"/sub-accounts/{estate.sub.pk}/", f"/trunks/{estate.trunk.pk}/")
    listed(estate.sub, "18888001")
    counts = []
    for path in paths:
        with django_assert_max_num_queries(13) as counted:
            client.get(path)
        counts.append(len(counted))
    for number in range(60):
        listed(cast.sub_account(estate.master, f"x{number}", f"X {number}"), f"18888{number + 200}")
        listed(estate.sub, f"18888{number + 300}")
        TrunkRequest.objects.create(
            master=estate.master,
            sub_account=estate.sub,
            state=State.DENIED,
            filed_by=staff,
            filed_at=cast.LONG_AGO,
            changed_at=cast.LONG_AGO,
            content_digest="",
        )
    for path, count in zip(paths, counts, strict=True):
        with django_assert_num_queries(count):
            client.get(path)


@pytest.mark.parametrize(("who", "shown"), [("manager", True), ("administrator", True), ("staff", False)])
def test_who_reads_the_trail_is_led_to_all_that_was_done_for_a_customer(
    who: str, shown: bool, estate: cast.Estate, signed_in: SignedIn, request: pytest.FixtureRequest
) -> None:
    client = signed_in(request.getfixturevalue(who))
    page = client.get(f"/sub-accounts/{estate.sub.pk}/").content.decode()
    assert (f'href="/audit/?sub_account={estate.sub.pk}"' in page) is shown


@pytest.mark.sqlite
@pytest.mark.parametrize("text", ["\\ud800", "\\u0000", "a\\u0000", "2026-01-01\\udfff"])
@pytest.mark.parametrize("where", ["after", "before"])
def test_a_place_that_no_column_can_hold_shows_the_first_page(
    client: Client, estate: cast.Estate, where: str, text: str
) -> None:
    answer = client.get("/sub-accounts/", {where: f'["{text}", 1]'})
    assert answer.status_code == 200
    assert estate.sub in answer.context["page"].rows
