"""Filing by the form: what it accepts, and how it says what is wrong."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from trunks.models import Line, MasterTrunk, Role, SubAccount, TrunkRequest, User

NEW = "/requests/new/"
NOT_A_CHOICE = "This is not among the choices, or no longer. Choose again."


def typed(estate: cast.Estate, *lines: tuple[Any, ...], **changes: Any) -> dict[str, Any]:
    """Return what a browser posts, with one good line unless `lines` are given."""
    data: dict[str, Any] = {
        "sub_account": estate.sub.pk,
        "kind": "assign",
        "reason": "New site",
        "ticket": "CHG-7",
    }
    for number, line in enumerate(lines or [(estate.trunk.pk, "18888001", "+14155550100")]):
        trunk, dnis, *rest = line
        data |= {f"lines-{number}-trunk": trunk, f"lines-{number}-dnis": dnis}
        data[f"lines-{number}-outbound_caller_id"] = rest[0] if rest else ""
    return {name: value for name, value in (data | changes).items() if value is not None}


def refused(client: Client, data: dict[str, Any]) -> str:
    response = client.post(NEW, data)
    assert response.status_code == 422, response.content.decode()[:500]
    assert not TrunkRequest.objects.exists()
    content = response.content.decode()
    assert "<title>Error: " in content
    assert "There is a problem" in content
    return content


@pytest.mark.parametrize("several", [True, False])
def test_a_master_account_of_which_no_trunk_is_known_is_named(
    signed_in: SignedIn, estate: cast.Estate, several: bool
) -> None:
    MasterTrunk.objects.filter(master=estate.master).update(gone_at=timezone.now())
    user = cast.person("Nora New", Role.STAFF, master=None if several else estate.master)
    content = signed_in(user).get(f"{NEW}?master={estate.master.pk}").content.decode()
    assert f"<span>No trunk of {estate.master} is known yet." in content


def test_the_summary_is_in_the_order_of_the_page(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    content = refused(signed_in(staff), {"kind": "assign", "reason": "", "sub_account": ""})
    summary = content.split('id="problems"')[1].split("</ul>")[0]
    said = ["Choose a sub account.", "Say why this is needed.", "Add at least one line."]
    assert said == sorted(said, key=summary.index)


def test_filing_leads_to_the_request(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    data = typed(
        estate, (estate.trunk.pk, " 18888001 ", " +14155550100 "), (estate.other_trunk.pk, "90001002")
    )
    response = signed_in(staff).post(NEW, data)
    trunk_request = TrunkRequest.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"/requests/{trunk_request.reference}/"
    assert trunk_request.filed_by == staff
    lines = [(line.trunk, line.dnis, line.outbound_caller_id) for line in trunk_request.lines.all()]
    assert lines == [(estate.trunk, "18888001", "+14155550100"), (estate.other_trunk, "90001002", "")]


def test_a_double_click_files_one_request(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    client = signed_in(staff)
    first, second = client.post(NEW, typed(estate)), client.post(NEW, typed(estate))
    assert TrunkRequest.objects.count() == 1
    assert first["Location"] == second["Location"]


@pytest.mark.parametrize("role", ["supervisor", "manager", "administrator", "stranger"])
def test_only_staff_file(
    signed_in: SignedIn, request: pytest.FixtureRequest, estate: cast.Estate, role: str
) -> None:
    client = signed_in(request.getfixturevalue(role))
    assert client.get(NEW).status_code == 403
    assert client.post(NEW, typed(estate)).status_code == 403
    assert client.post(f"{NEW}form/", typed(estate)).status_code == 403
    assert client.get(f"{NEW}sub-accounts/").status_code == 403
    assert client.get(f"{NEW}next-dnis/?trunk={estate.trunk.pk}").status_code == 403
    assert not TrunkRequest.objects.exists()


def test_other_methods_are_refused(signed_in: SignedIn, staff: User) -> None:
    client = signed_in(staff)
    assert client.put(NEW).status_code == 405
    assert client.get(f"{NEW}form/").status_code == 405
    assert client.post(f"{NEW}sub-accounts/").status_code == 405
    assert client.post(f"{NEW}next-dnis/").status_code == 405


def test_rows_of_another_master_are_no_choice_just_like_unknown_ones(
    signed_in: SignedIn, estate: cast.Estate, db: None
) -> None:
    client = signed_in(cast.person("Nora Northwind", Role.STAFF, master=estate.master))
    assert estate.foreign_sub.name not in client.get(NEW).content.decode()
    for trunk in (estate.foreign_trunk.pk, 999999, "x", "9" * 40):
        content = refused(client, typed(estate, (trunk, "70003001")))
        assert NOT_A_CHOICE in content, trunk
        assert estate.foreign_trunk.name not in content
    for sub_account in (estate.foreign_sub.pk, 999999, "x", "9" * 40):
        content = refused(client, typed(estate, sub_account=sub_account))
        assert NOT_A_CHOICE in content, sub_account
        assert estate.foreign_sub.name not in content


def test_a_trunk_of_another_own_master_is_named(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    content = refused(signed_in(staff), typed(estate, (estate.foreign_trunk.pk, "70003001")))
    assert "belongs to another master account" in content


def test_a_sub_account_of_another_master_than_chosen_is_no_choice(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    data = typed(estate, master=estate.foreign_master.pk)
    assert NOT_A_CHOICE in refused(signed_in(staff), data)


@pytest.mark.parametrize(
    ("dnis", "sentence"),
    [
        ("", "Enter a DNIS."),
        ("1888", "A DNIS has 5 to 8 digits"),
        ("188881234", "A DNIS has 5 to 8 digits"),
        ("18888 01", "digits 0 to 9 only"),
        ("+1888801", "digits 0 to 9 only"),
        ("18888\t001", "digits 0 to 9 only"),
        ("18888001\u200b", "digits 0 to 9 only"),
        ("\uff11\uff18\uff18\uff18\uff18001", "digits 0 to 9 only"),
        ("\u0661\u0668\u0668\u0668\u0668\u0660\u0660\u0661", "digits 0 to 9 only"),
        ("90001001", "must begin with 18888"),
        ("18888\x00", "ull character"),
    ],
)
def test_a_wrong_dnis_is_refused_beside_its_field(
    signed_in: SignedIn, staff: User, estate: cast.Estate, dnis: str, sentence: str
) -> None:
    content = refused(signed_in(staff), typed(estate, (estate.trunk.pk, dnis)))
    assert sentence in content
    assert 'href="#id_lines-0-dnis"' in content
    assert 'id="id_lines-0-dnis_error"' in content
    assert 'aria-describedby="id_lines-0-dnis_error"' in content


@pytest.mark.parametrize("around", [" ", "\t", "\r\n", "\u00a0", "\u2003"])
def test_white_space_around_what_was_typed_is_no_mistake_and_is_not_kept(
    signed_in: SignedIn, staff: User, estate: cast.Estate, around: str
) -> None:
    row = (estate.trunk.pk, f"{around}18888001{around}", f"{around}+14155550100{around}")
    assert signed_in(staff).post(NEW, typed(estate, row)).status_code == 302
    line = Line.objects.get()
    assert (line.dnis, line.outbound_caller_id) == ("18888001", "+14155550100")


def test_a_line_of_white_space_alone_is_blank(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    data = typed(estate, (estate.trunk.pk, "18888001")) | {"lines-1-dnis": "\t"}
    assert signed_in(staff).post(NEW, data).status_code == 302
    assert Line.objects.count() == 1


@pytest.mark.parametrize("caller_id", ["+1415\r\nX: y", "+1415555\x07", "anonymous", "1" * 33, "<b>1</b>"])
def test_a_wrong_caller_id_is_refused_beside_its_field(
    signed_in: SignedIn, staff: User, estate: cast.Estate, caller_id: str
) -> None:
    content = refused(signed_in(staff), typed(estate, (estate.trunk.pk, "18888001", caller_id)))
    assert 'href="#id_lines-0-outbound_caller_id"' in content
    assert "<b>1</b>" not in content


def test_every_problem_comes_at_once_and_typed_values_stay(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    lines = [(estate.trunk.pk, "1"), ("", "90001001"), (estate.trunk.pk, "18888002", "<i>x</i>")]
    data = typed(estate, *lines, sub_account="", reason=" ", ticket="T" * 61)
    content = refused(signed_in(staff), data)
    for field in (
        *("id_sub_account", "id_reason", "id_ticket"),
        *("id_lines-0-dnis", "id_lines-1-trunk", "id_lines-2-outbound_caller_id"),
    ):
        assert f'href="#{field}"' in content, field
    assert 'value="90001001"' in content
    assert 'value="&lt;i&gt;x&lt;/i&gt;"' in content
    assert "T" * 61 in content


def test_a_reason_has_at_most_2000_characters(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    assert 'href="#id_reason"' in refused(signed_in(staff), typed(estate, reason="r" * 2001))


def test_html_in_text_is_kept_as_text(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    client = signed_in(staff)
    hostile = "<img src=x onerror=alert(1)>"
    response = client.post(NEW, typed(estate, reason=hostile, ticket=hostile))
    content = client.get(response["Location"]).content.decode()
    assert hostile not in content
    assert "&lt;img src=x onerror=alert(1)&gt;" in content


def test_blank_lines_are_ignored_and_numbers_follow_the_page(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    lines = [("", ""), (estate.trunk.pk, "1"), ("", " ")]
    content = refused(signed_in(staff), typed(estate, *lines))
    assert "Line 2, DNIS:" in content
    assert 'href="#id_lines-1-dnis"' in content
    assert 'href="#id_lines-0-' not in content


@pytest.mark.parametrize("lines", [[("", "")], [("", "", " "), ("", "  ")]])
def test_at_least_one_line_is_needed(
    signed_in: SignedIn, staff: User, estate: cast.Estate, lines: list[tuple[str, ...]]
) -> None:
    assert "Add at least one line." in refused(signed_in(staff), typed(estate, *lines))


def test_a_post_without_any_line_field_is_answered(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    assert "Add at least one line." in refused(
        signed_in(staff), {"sub_account": estate.sub.pk, "kind": "assign", "reason": "x"}
    )


def test_thirty_lines_are_filed_and_the_thirty_first_is_refused(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    client = signed_in(staff)
    lines = [(estate.trunk.pk, str(18888100 + number)) for number in range(31)]
    content = refused(client, typed(estate, *lines))
    assert "at most 30" in content
    assert 'value="18888130"' in content
    assert client.post(NEW, typed(estate, *lines[:30])).status_code == 302
    assert Line.objects.count() == 30


def test_a_wrong_management_form_changes_nothing(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    wrong = {"lines-TOTAL_FORMS": "0", "lines-INITIAL_FORMS": "x"}
    assert signed_in(staff).post(NEW, typed(estate, **wrong)).status_code == 302


def test_the_same_dnis_twice_is_refused(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    content = refused(signed_in(staff), typed(estate, *[(estate.trunk.pk, "18888001")] * 2))
    summary = content.split('id="problems"')[1].split("</ul>")[0]
    assert summary.count("<li>") == 1
    assert "Line 2, DNIS: 18888001 is in an earlier line already." in summary


def test_a_dnis_of_another_request_is_refused_and_named(
    signed_in: SignedIn, second_staff: User, estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    response = signed_in(second_staff).post(NEW, typed(estate, (estate.trunk.pk, "18888123")))
    assert response.status_code == 422
    assert f"18888123 is taken by {trunk_request.reference}" in response.content.decode()


def test_what_is_gone_is_not_offered_and_not_accepted(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    SubAccount.objects.filter(pk=estate.sub.pk).update(gone_at=timezone.now())
    MasterTrunk.objects.filter(pk=estate.trunk.pk).update(gone_at=timezone.now())
    client = signed_in(staff)
    content = client.get(NEW).content.decode()
    assert estate.sub.name not in content
    assert estate.trunk.name not in content
    content = refused(client, typed(estate))
    assert "no longer among the sub accounts" in content
    assert "no longer among the master account" in content


def test_an_unknown_kind_is_refused(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    refused(signed_in(staff), typed(estate, kind="unassign"))


@pytest.mark.parametrize("count", [1, 30])
def test_the_number_of_queries_does_not_grow_with_the_lines(
    signed_in: SignedIn,
    staff: User,
    estate: cast.Estate,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
) -> None:
    lines = [(estate.trunk.pk, str(90001100 + number)) for number in range(count)]
    client = signed_in(staff)
    with django_assert_num_queries(21):
        refused(client, typed(estate, *lines))
