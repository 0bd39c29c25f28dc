"""What helps to find one's way in the trail: one field for everything, moments, kept views, all of one person."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from tests import cast, trail
from tests.conftest import SignedIn
from tests.views.test_audit import happened, sentences
from trunks import audit, audit_index, context
from trunks.actions import Action
from trunks.models import MasterAccount, Role, RoleGrant, SavedView, TrunkRequest, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import oversight
from trunks.workflow.errors import Refused


@pytest.fixture
def client(manager: User, signed_in: SignedIn) -> Client:
    return signed_in(manager)


def told(user: User, action: Action) -> list[AuditEvent]:
    return list(audit.search(user, audit.Filters(actions=(action,))))


def leads_to(client: Client, words: str) -> str:
    """Return where typing `words` into the one field leads ("" when it only searches)."""
    answer = client.get("/audit/", {"q": words, "outcome": "done"})
    return str(answer.headers.get("Location", ""))


def test_one_field_understands_numbers_requests_customers_people_and_addresses(
    client: Client, trunk_request: TrunkRequest, estate: cast.Estate, staff: User
) -> None:
    pk = trunk_request.pk
    for words, filters in {
        "18888123": "dnis=18888123",
        trunk_request.reference: f"object_type=trunkrequest&object_id={pk}",
        f"tr-{pk}": f"object_type=trunkrequest&object_id={pk}",
        "adatum LOGISTICS": f"sub_account={estate.sub.pk}",
        "stella staff": f"actor={staff.pk}",
        "192.0.2.7": "ip=192.0.2.7",
        "0" * 32: f"request_id={'0' * 32}",
    }.items():
        assert leads_to(client, words) == f"?outcome=done&{filters}", words
    for words in ("18888999", "adatum", "Zoom said", "TR-0"):
        assert leads_to(client, words) == "", words


def test_a_question_in_full_is_shown_the_way_to_the_numbers_in_it(
    client: Client, trunk_request: TrunkRequest
) -> None:
    question = f"Who gave 18888123 to Customer 7, and what of {trunk_request.reference.lower()}? (2026)"
    offered = client.get("/audit/", {"q": question}).context["suggestions"]
    assert [(one.kind, one.title) for one, _ in offered] == [
        ("DNIS", "18888123"),
        ("Request", trunk_request.reference),
    ]
    assert [url for _, url in offered] == [
        "?dnis=18888123",
        f"?object_type=trunkrequest&object_id={trunk_request.pk}",
    ]
    assert "18888123" in client.get(f"/audit/{offered[0][1]}").content.decode()
    assert client.get("/audit/?q=18888999").context["suggestions"] == []


def test_what_may_be_meant_is_offered(
    client: Client, trunk_request: TrunkRequest, estate: cast.Estate
) -> None:
    for number in range(7):
        cast.sub_account(estate.master, f"s{number}", f"Staffing {number}")
    offered = client.get("/audit/?q=staff").context["suggestions"]
    assert [(one.kind, one.title) for one, _ in offered] == [
        *(("Sub account", f"Staffing {number}") for number in range(5)),
        ("Person", "Stella Staff"),
    ]
    assert offered[0][1].startswith("?sub_account=")


def test_words_can_be_meant_as_words(client: Client, trunk_request: TrunkRequest) -> None:
    assert sentences(client, f"/audit/?q={trunk_request.reference}&as_words=1") == [Action.REQUEST_FILED]


def test_a_manager_of_another_master_account_is_offered_none_of_its_customers(
    estate: cast.Estate, trunk_request: TrunkRequest, signed_in: SignedIn
) -> None:
    client = signed_in(cast.person("Fred Foreign", Role.MANAGER, master=estate.foreign_master))
    answer = client.get("/audit/?q=adatum logistics")
    assert answer.status_code == 200
    assert answer.context["suggestions"] == []
    assert "Stella" not in answer.content.decode()


def test_a_manager_of_another_master_account_learns_no_names_and_no_numbers_by_typing(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User, signed_in: SignedIn
) -> None:
    audit_index.catch_up()
    foreign = signed_in(cast.person("Fred Foreign", Role.MANAGER, master=estate.foreign_master))
    own = signed_in(cast.person("Olga Own", Role.MANAGER, master=estate.master))
    for words in ("stella", "stella staff", "18888123"):
        # The same answer as for words that nothing has.
        assert leads_to(foreign, words) == ""
        assert foreign.get("/audit/", {"q": words}).context["suggestions"] == [], words
    assert [one.title for one, _ in own.get("/audit/?q=stella").context["suggestions"]] == ["Stella Staff"]
    assert leads_to(own, "stella staff") == f"?outcome=done&actor={staff.pk}"
    assert leads_to(own, "18888123") == "?outcome=done&dnis=18888123"


def test_a_moment_is_jumped_to_by_the_readers_clock(client: Client, estate: cast.Estate, staff: User) -> None:
    for hour in (10, 11, 12):
        happened(estate.sub, staff, at=datetime(2026, 3, 10, hour, tzinfo=UTC), comment=f"at {hour}")
    client.cookies["tz"] = "Europe/Madrid"
    answer = client.get("/audit/?action=request.checked&at=2026-03-10T12:30", follow=True)
    assert [event.comment for event in answer.context["page"].rows] == ["at 11", "at 10"]
    assert "action=request.checked" in answer.redirect_chain[0][0]
    before_all = client.get("/audit/?at=2020-01-01T00:00", follow=True)
    assert "No event is that old" in before_all.content.decode()


@pytest.mark.parametrize("moment", ["2026-03-29T02:30", "2025-10-26T02:30:00"])
def test_an_hour_that_the_clock_leaves_out_or_has_twice_is_jumped_to_all_the_same(
    client: Client, estate: cast.Estate, staff: User, moment: str
) -> None:
    day = moment[:10]
    for hour in (0, 3):
        at = datetime.fromisoformat(f"{day}T0{hour}:00:00+00:00")
        happened(estate.sub, staff, at=at, comment=f"at {hour}")
    client.cookies["tz"] = "Europe/Madrid"
    answer = client.get(f"/audit/?action=request.checked&at={moment}", follow=True)
    assert [event.comment for event in answer.context["page"].rows] == ["at 0"]


@pytest.mark.parametrize("moment", ["soon", "9999-12-31T23:59", "0001-01-01T00:00", "%00"])
def test_an_odd_moment_is_answered(client: Client, trunk_request: TrunkRequest, moment: str) -> None:
    client.cookies["tz"] = "Asia/Tokyo"
    assert client.get(f"/audit/?at={moment}", follow=True).status_code in (200, 422)


def test_pages_lead_to_both_ends(client: Client, estate: cast.Estate, staff: User) -> None:
    for number in range(60):
        happened(estate.sub, staff, comment=f"event {number}")
    first = client.get("/audit/?rows=25").context["page"]
    assert (first.first_url, first.previous_url) == ("", "")
    last = client.get(f"/audit/{first.last_url}").context["page"]
    assert [event.comment for event in last.rows] == [f"event {number}" for number in reversed(range(25))]
    assert (last.next_url, last.last_url) == ("", "")
    above = client.get(f"/audit/{last.previous_url}").context["page"]
    assert [event.comment for event in above.rows] == [
        f"event {number}" for number in reversed(range(25, 50))
    ]
    assert client.get(f"/audit/{above.first_url}").context["page"].rows == first.rows


def test_filters_in_use_can_be_taken_out_one_by_one(
    client: Client, trunk_request: TrunkRequest, estate: cast.Estate
) -> None:
    answer = client.get(
        f"/audit/?sub_account={estate.sub.pk}&since=2026-01-05&action=request.filed&q=TR&as_words=1"
    )
    chips = {chip.title: (chip.value, chip.url) for chip in answer.context["chips"]}
    assert chips["Sub account"][0] == "Adatum Logistics"
    assert chips["From"][0] == "5 Jan 2026"
    assert chips["Actions"] == (
        "filed the request",
        f"?sub_account={estate.sub.pk}&since=2026-01-05&q=TR&as_words=1",
    )
    one = client.get(f"/audit/?object_type=trunkrequest&object_id={trunk_request.pk}")
    assert [(chip.title, chip.value) for chip in one.context["chips"]] == [
        ("Object", trunk_request.reference)
    ]
    assert f"/requests/{trunk_request.reference}/story/" in one.content.decode()


def test_a_search_that_finds_one_request_alone_leads_to_its_story(
    client: Client, trunk_request: TrunkRequest, staff: User
) -> None:
    story = f"/requests/{trunk_request.reference}/story/"
    dnis = trunk_request.lines.get().dnis
    assert story in client.get(f"/audit/?dnis={dnis}").content.decode()
    assert story not in client.get("/audit/").content.decode()
    assert story not in client.get("/audit/?dnis=00000").content.decode()


def test_a_view_is_kept_shown_shared_and_removed(
    client: Client, manager: User, trunk_request: TrunkRequest, signed_in: SignedIn
) -> None:
    answer = client.post(
        "/audit/views/",
        {"name": "Filed", "query": "action=request.filed&after=%5B5%5D&junk=1", "shared": "on"},
    )
    assert answer.headers["Location"] == "/audit/?action=request.filed"
    view = SavedView.objects.get()
    assert (view.owner, view.query, view.shared) == (manager, "action=request.filed", True)
    assert [event.after for event in told(manager, Action.VIEW_SAVED)] == [
        {"filters": "action=request.filed", "shared": True}
    ]
    assert '<a href="?action=request.filed"' in client.get("/audit/").content.decode()

    other = signed_in(cast.person("Rita Reader", Role.MANAGER))
    assert "by Mia Manager" in " ".join(other.get("/audit/").content.decode().split())
    assert other.post(f"/audit/views/{view.pk}/remove/").status_code == 403
    assert SavedView.objects.exists()

    for _ in range(2):
        assert client.post(f"/audit/views/{view.pk}/remove/").status_code == 302
    assert not SavedView.objects.exists()
    assert len(told(manager, Action.VIEW_REMOVED)) == 1


def test_a_shared_view_tells_managers_of_another_master_account_nothing(
    client: Client, estate: cast.Estate, trunk_request: TrunkRequest, signed_in: SignedIn
) -> None:
    """Its name and filters name customers and numbers; only of a master account of their own are they theirs to see."""
    here, there = estate.master, estate.foreign_master
    for name, query in (("All of it", "dnis=18888123"), ("Northwind's", f"dnis=18888123&master={here.pk}")):
        client.post("/audit/views/", {"name": name, "query": query, "shared": "on"})
    everything, narrowed = SavedView.objects.order_by("id")
    own = signed_in(cast.person("Nora Northwind", Role.MANAGER, master=here))
    assert own.get("/audit/").context["views"] == [narrowed]
    foreign = signed_in(cast.person("Fred Foreign", Role.ADMINISTRATOR, master=there))
    page = foreign.get("/audit/")
    assert page.context["views"] == []
    assert "18888123" not in page.content.decode()
    # As if there were no such view: neither a word of whose it is, nor an event of a refusal.
    assert foreign.post(f"/audit/views/{everything.pk}/remove/").status_code == 302
    assert SavedView.objects.count() == 2
    assert signed_in(cast.person("Rita Reader", Role.MANAGER)).get("/audit/").context["views"] == [
        everything,
        narrowed,
    ]


def test_a_view_that_is_not_shared_is_nobody_elses(client: Client, signed_in: SignedIn) -> None:
    client.post("/audit/views/", {"name": "Mine", "query": "outcome=failed"})
    other = signed_in(cast.person("Rita Reader", Role.MANAGER))
    assert other.get("/audit/").context["views"] == []
    view = SavedView.objects.get()
    assert other.post(f"/audit/views/{view.pk}/remove/").status_code == 302
    assert SavedView.objects.exists()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "", "query": "outcome=failed"}, "This field is required"),
        ({"name": "x", "query": "outcome=invented"}, "cannot be kept"),
        ({"name": "x", "query": "junk=1"}, "cannot be kept"),
        ({"name": "Twice", "query": "outcome=failed"}, "a view of this name"),
        ({"name": "\u200b\u2060", "query": "outcome=failed"}, "a name that can be seen"),
    ],
)
def test_a_view_that_cannot_be_kept_says_why_and_loses_nothing(
    client: Client, manager: User, values: dict[str, str], said: str
) -> None:
    SavedView.objects.create(owner=manager, name="Twice", query="outcome=done")
    answer = client.post("/audit/views/", values)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert values["query"] in answer.content.decode()
    assert told(manager, Action.VIEW_SAVED) == []


def test_fifty_views_are_enough(client: Client, manager: User) -> None:
    SavedView.objects.bulk_create(
        SavedView(owner=manager, name=f"{n}", query="outcome=done") for n in range(50)
    )
    answer = client.post("/audit/views/", {"name": "one more", "query": "outcome=failed"})
    assert "Remove one first" in answer.content.decode()


def test_all_of_one_person_is_one_page_and_reading_it_is_on_record_once_a_day(
    client: Client, manager: User, staff: User, trunk_request: TrunkRequest
) -> None:
    for _ in range(2):
        page = client.get(f"/audit/people/{staff.pk}/")
        assert [event.action for event in page.context["page"].rows] == [Action.REQUEST_FILED]
        assert staff.email in page.content.decode()
    assert sentences(client, f"/audit/?actor={staff.pk}") == [Action.REQUEST_FILED]
    [event] = told(manager, Action.PERSON_READ)
    assert (event.actor, event.object_label) == (manager, "Stella Staff")
    with trail.unguarded():
        AuditEvent.objects.filter(pk=event.pk).update(at=datetime(2026, 1, 5, tzinfo=UTC))
    client.get(f"/audit/?actor={staff.pk}")
    assert len(told(manager, Action.PERSON_READ)) == 2


def test_reading_all_that_is_about_a_person_is_on_record_as_well(
    client: Client, manager: User, staff: User
) -> None:
    happened(staff, staff, Action.SIGNED_IN)
    about = "/audit/?object_type=user&object_id="
    for pk in (str(staff.pk), str(manager.pk), "9" * 40, "x"):
        client.get(f"{about}{pk}")
    [event] = told(manager, Action.PERSON_READ)
    assert (event.actor, event.object_label) == (manager, "Stella Staff")


def test_reading_what_came_from_an_address_is_on_record_once_a_day(
    client: Client, manager: User, staff: User, estate: cast.Estate
) -> None:
    for ip in ("192.0.2.7", "192.0.2.8"):
        with context.bound(context.Context("1234-abcd", ip, "")):
            happened(estate.sub, staff)
    for _ in range(2):
        client.get("/audit/?ip=192.0.2.7")
    client.get("/audit/?ip=192.0.2.8")
    client.get("/audit/?ip=192.0.2.9")
    assert [event.after for event in told(manager, Action.ADDRESS_READ)] == [
        {"ip": "192.0.2.8"},
        {"ip": "192.0.2.7"},
    ]


def test_nobody_is_told_of_for_reading_their_own(client: Client, manager: User, estate: cast.Estate) -> None:
    happened(estate.sub, manager)
    client.get(f"/audit/people/{manager.pk}/")
    assert told(manager, Action.PERSON_READ) == []


def test_a_person_of_another_master_account_is_nobody(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User, signed_in: SignedIn, client: Client
) -> None:
    foreign = signed_in(cast.person("Fred Foreign", Role.MANAGER, master=estate.foreign_master))
    assert foreign.get(f"/audit/people/{staff.pk}/").status_code == 404
    assert client.get("/audit/people/999999/").status_code == 404
    assert "has done nothing" in client.get(f"/audit/people/{foreign_person().pk}/").content.decode()


def test_roles_for_another_master_account_are_not_told_of(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User, signed_in: SignedIn, client: Client
) -> None:
    RoleGrant.objects.create(user=staff, role=Role.ADMINISTRATOR, master=estate.foreign_master)
    local = signed_in(cast.person("Mia Local", Role.MANAGER, master=estate.master))
    address = f"/audit/people/{staff.pk}/"
    assert local.get(address).context["roles"] == "Staff"
    assert client.get(address).context["roles"] == "Staff, Administrator"


def foreign_person() -> User:
    return cast.person("Nora Nothing", Role.STAFF, master=MasterAccount.objects.all()[0])


def test_a_refusal_says_what_was_refused_and_why_as_any_other_does(
    manager: User, administrator: User, staff: User
) -> None:
    view = oversight.keep_view(actor=manager, name="Failed", query="outcome=failed", shared=True)
    why = "Only managers and administrators keep views of the audit trail."
    with pytest.raises(Refused, match=why) as refused:
        oversight.keep_view(actor=staff, name="Mine", query="", shared=False)
    assert refused.value.who == "a manager or an administrator"
    with pytest.raises(Refused, match="Only the person who keeps"):
        oversight.remove_view(view, actor=administrator)
    events = told(manager, Action.VIEW_ACTION_REFUSED)
    assert [(event.after, event.comment) for event in reversed(events)] == [
        ({"action": "keep a view", "reason": why}, ""),
        ({"action": "remove a view", "reason": "Only the person who keeps a view can remove it."}, ""),
    ]


def test_a_view_that_is_removed_twice_at_once_leaves_one_event(manager: User) -> None:
    view = oversight.keep_view(actor=manager, name="Failed", query="outcome=failed", shared=False)
    second = SavedView.objects.get(pk=view.pk)
    for one in (view, second):
        oversight.remove_view(one, actor=manager)
    assert len(told(manager, Action.VIEW_REMOVED)) == 1
