"""Asking for a trunk to be unassigned or changed: the form, what it offers, and what the pages say of it."""

import json
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from trunks import audit
from trunks.actions import Action
from trunks.models import (
    Attempt,
    Line,
    LineState,
    ListedTrunk,
    MasterTrunk,
    Phase,
    Role,
    State,
    SubAccount,
    TrunkRequest,
    User,
    ZoomCall,
)
from trunks.workflow import filing
from trunks.workflow import words as explanations

NEW = "/requests/new/"
PRESENT = f"{NEW}present/"
OLD_ID, NEW_ID = "+14155550100", "+14155550199"


def listed(sub: SubAccount, dnis: str, caller_id: str | None = OLD_ID, **row: Any) -> ListedTrunk:
    now = timezone.now()
    values = {"zoom_id": "268", "sip_server_address": "192.0.2.1", "outbound_caller_id": caller_id} | row
    return ListedTrunk.objects.create(
        master=sub.master, sub_account=sub, dnis=dnis, first_seen_at=now, last_seen_at=now, **values
    )


@pytest.fixture
def present(estate: cast.Estate) -> ListedTrunk:
    """Return a trunk that the sub account has at Zoom."""
    return listed(estate.sub, "18888123")


def typed(estate: cast.Estate, kind: str, **line: Any) -> dict[str, Any]:
    data = {"sub_account": estate.sub.pk, "kind": kind, "reason": "Customer asked", "ticket": "CHG-7"}
    values = {"trunk": estate.trunk.pk} | line
    return data | {f"lines-0-{name}": value for name, value in values.items()}


def to_unassign(estate: cast.Estate, staff: User, *dnis: str) -> TrunkRequest:
    lines = [filing.LineDraft(estate.trunk, number) for number in dnis]
    return filing.file(filing.Draft(estate.sub, "unassign", "Customer asked", "", lines), actor=staff)


def to_change(estate: cast.Estate, staff: User, dnis: str = "18888124") -> TrunkRequest:
    line = filing.LineDraft(estate.trunk, dnis, NEW_ID, "18888123")
    return filing.file(filing.Draft(estate.sub, "change", "Customer asked", "", [line]), actor=staff)


def shown(client: Client, path: str) -> str:
    """Return the page's text as a reader gets it: without marks, spaces made one."""
    response = client.get(path)
    assert response.status_code == 200
    return words(response.content.decode())


def words(content: str) -> str:
    for mark in ('<span class="dnis">', '<span class="dnis-prefix">', "</span>", "<strong>", "</strong>"):
        content = content.replace(mark, "")
    return " ".join(content.split())


def page_of(trunk_request: TrunkRequest) -> str:
    return f"/requests/{trunk_request.reference}/"


# --- the form -------------------------------------------------------------------------------------------------------


def test_the_form_offers_every_kind_and_begins_with_assign(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    content = signed_in(staff).get(NEW).content.decode()
    assert 'name="kind" value="assign" checked' in content
    for kind in ("unassign", "change"):
        assert f'name="kind" value="{kind}">' in content
    assert "Loss of service" in content
    assert "Between the two steps the customer has no trunk, usually for some seconds." in content


def test_the_address_may_name_kind_and_sub_account(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    content = signed_in(staff).get(f"{NEW}?kind=change&sub_account={estate.sub.pk}").content.decode()
    assert 'name="kind" value="change" checked' in content
    assert 'data-present="18888123"' in content


def test_without_a_kind_it_is_an_assignment(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    data = typed(estate, "", dnis="18888001")
    del data["kind"]
    assert signed_in(staff).post(NEW, data).status_code == 302
    assert TrunkRequest.objects.get().kind == "assign"


def test_a_form_without_a_kind_comes_back_with_assign_chosen(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    data = typed(estate, "", dnis="1")
    del data["kind"]
    content = signed_in(staff).post(NEW, data).content.decode()
    assert 'name="kind" value="assign" checked' in content


def test_an_unassignment_is_filed(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    response = signed_in(staff).post(NEW, typed(estate, "unassign", dnis=" 18888123 "))
    assert response.status_code == 302
    line = Line.objects.get()
    assert (line.trunk_request.kind, line.dnis, line.current_dnis) == ("unassign", "18888123", "18888123")


@pytest.mark.parametrize("current", ["18888123", ""])
def test_a_change_is_filed_and_its_present_dnis_may_be_left_out_when_plain(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk, current: str
) -> None:
    data = typed(estate, "change", dnis="18888124", outbound_caller_id=NEW_ID, current_dnis=current)
    assert signed_in(staff).post(NEW, data).status_code == 302
    line = Line.objects.get()
    assert (line.current_dnis, line.current_caller_id) == ("18888123", OLD_ID)
    assert (line.dnis, line.outbound_caller_id) == ("18888124", NEW_ID)


@pytest.mark.parametrize(
    ("kind", "line", "field", "sentence"),
    [
        ("unassign", {"dnis": ""}, "dnis", "Enter the DNIS that the sub account has now."),
        ("unassign", {"dnis": "18888999"}, "dnis", "18888999 is not among the trunks of Adatum Logistics"),
        ("unassign", {"dnis": "18888123", "trunk": ""}, "trunk", "Choose the trunk."),
        ("change", {"dnis": "18888124", "current_dnis": "77777"}, "current_dnis", "77777 is not among"),
        ("change", {"dnis": "188", "current_dnis": "18888123"}, "dnis", "A DNIS has 5 to 8 digits"),
        (
            "change",
            {"dnis": "18888123", "current_dnis": "18888123", "outbound_caller_id": OLD_ID},
            "dnis",
            "Nothing would change",
        ),
        (
            "change",
            {"dnis": "18888124", "current_dnis": "18888123", "outbound_caller_id": "anonymous"},
            "outbound_caller_id",
            "",
        ),
        ("change", {"dnis": "18888124", "current_dnis": "18\x00"}, "current_dnis", "ull character"),
    ],
)
def test_a_problem_is_shown_beside_its_field(
    signed_in: SignedIn,
    staff: User,
    estate: cast.Estate,
    present: ListedTrunk,
    kind: str,
    line: dict[str, Any],
    field: str,
    sentence: str,
) -> None:
    response = signed_in(staff).post(NEW, typed(estate, kind, **line))
    content = response.content.decode()
    assert response.status_code == 422
    assert not TrunkRequest.objects.exists()
    assert f'href="#id_lines-0-{field}"' in content
    assert f'id="id_lines-0-{field}_error"' in content
    assert sentence in content
    assert f'name="kind" value="{kind}" checked' in content


def test_a_change_leads_to_no_other_trunk_from_which_there_is_no_way_back(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    line = {"trunk": estate.other_trunk.pk, "dnis": "90001777", "current_dnis": "18888123"}
    response = signed_in(staff).post(NEW, typed(estate, "change", **line))
    assert response.status_code == 422
    content = response.content.decode()
    assert 'id="id_lines-0-trunk_error"' in content
    assert "18888123 does not begin with 90001, the prefix of this trunk" in content


@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_without_a_sub_account_the_lines_are_checked_all_the_same(
    signed_in: SignedIn, staff: User, estate: cast.Estate, kind: str
) -> None:
    response = signed_in(staff).post(NEW, typed(estate, kind, dnis="18888123") | {"sub_account": ""})
    content = response.content.decode()
    assert response.status_code == 422
    assert 'href="#id_sub_account"' in content
    assert f'href="#id_lines-0-{"dnis" if kind == "unassign" else "current_dnis"}"' in content
    assert "Choose the sub account to see which trunks it has." in content


@pytest.mark.parametrize("kind", ["assign", "unassign"])
def test_what_was_typed_for_another_kind_is_not_looked_at_and_stays(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk, kind: str
) -> None:
    client = signed_in(staff)
    dnis = "18888001" if kind == "assign" else "18888123"
    hidden = {"current_dnis": "9\x00"} | ({"outbound_caller_id": "<b>\x00"} if kind == "unassign" else {})
    content = client.post(NEW, typed(estate, kind, dnis=dnis, **hidden) | {"reason": ""}).content.decode()
    assert "There is a problem" in content
    assert "ull character" not in content
    assert 'value="9' in content
    assert client.post(NEW, typed(estate, kind, dnis=dnis, **hidden)).status_code == 302


def test_a_line_with_nothing_but_another_kinds_value_is_blank(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    data = typed(estate, "unassign", dnis="18888123") | {"lines-1-outbound_caller_id": "+1"}
    assert signed_in(staff).post(NEW, data).status_code == 302
    assert Line.objects.count() == 1


def test_an_unassignment_sent_twice_is_one_request(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    client = signed_in(staff)
    first, second = (client.post(NEW, typed(estate, "unassign", dnis="18888123")) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert TrunkRequest.objects.count() == 1


def test_another_master_keeps_the_kind_and_the_present_dnis(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    data = typed(estate, "change", current_dnis="70003001") | {"master": estate.foreign_master.pk}
    content = signed_in(staff).post(f"{NEW}form/", data).content.decode()
    assert 'name="kind" value="change" checked' in content
    assert 'value="70003001"' in content


def test_a_change_is_amended_in_the_same_form(
    signed_in: SignedIn, staff: User, estate: cast.Estate, present: ListedTrunk
) -> None:
    trunk_request = to_change(estate, staff)
    client = signed_in(staff)
    address = f"{page_of(trunk_request)}amend/"
    content = client.get(address).content.decode()
    for text in ('value="change" checked', 'value="18888123"', 'value="18888124"', f'value="{NEW_ID}"'):
        assert text in content
    data = typed(estate, "unassign", dnis="18888123") | {"version": trunk_request.version}
    assert client.post(address, data).status_code == 302
    trunk_request.refresh_from_db()
    assert (trunk_request.kind, trunk_request.lines.get().dnis) == ("unassign", "18888123")


# --- what the sub account has ---------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("count", [1, 30])
@pytest.mark.parametrize("kind", ["unassign", "change"])
def test_the_number_of_queries_does_not_grow_with_the_lines(
    signed_in: SignedIn,
    staff: User,
    estate: cast.Estate,
    django_assert_num_queries: DjangoAssertNumQueries,
    kind: str,
    count: int,
) -> None:
    data = typed(estate, kind) | {"reason": ""}
    for number in range(count):
        listed(estate.sub, str(18888100 + number))
        data |= {f"lines-{number}-trunk": estate.trunk.pk, f"lines-{number}-dnis": str(18888100 + number)}
        data |= {f"lines-{number}-current_dnis": str(18888100 + number)}
    client = signed_in(staff)
    with django_assert_num_queries(19 if kind == "unassign" else 20):
        assert client.post(NEW, data).status_code == 422


# --- what the pages say ---------------------------------------------------------------------------------------------


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


# --- without a trunk ------------------------------------------------------------------------------------------------


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


# --- the timeline ---------------------------------------------------------------------------------------------------


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
