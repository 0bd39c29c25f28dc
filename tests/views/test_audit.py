"""The list of the audit trail: who reads it, its filters, and its pages."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection, models, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests import cast, trail
from tests.conftest import SignedIn
from trunks import audit, audit_index
from trunks.actions import Action
from trunks.models import Heartbeat, Role, RoleGrant, TrunkRequest, User
from trunks.models.audit_event import AuditEvent, AuditHead


def happened(
    on: models.Model,
    actor: User | None,
    action: Action = Action.REQUEST_CHECKED,
    at: datetime | None = None,
    **values: object,
) -> None:
    """Put one event on record; `at` another time than the database's own clock says."""
    with transaction.atomic():
        audit.record(action, actor=actor, on=on, why="" if actor else "test", **values)  # type: ignore[arg-type]
    if at:
        with trail.unguarded():
            AuditEvent.objects.filter(pk=AuditHead.objects.get().position).update(at=at)


def sentences(client: Client, path: str) -> list[str]:
    """Return the actions of the events that the page lists, in its order."""
    answer = client.get(path)
    assert answer.status_code == 200
    return [event.action for event in answer.context["page"].rows]


def newest(user: User) -> int:
    event = audit.search(user).first()
    assert event is not None
    return event.pk


@pytest.fixture
def client(manager: User, signed_in: SignedIn) -> Client:
    return signed_in(manager)


@pytest.mark.parametrize(
    "text", ["no JSON", '{"a": 1', "[1, 2]", "5", "null", f'{{"a":{"[" * 9999}{"]" * 9999}}}']
)
def test_an_event_that_somebody_put_in_by_another_way_breaks_no_page(
    text: str, client: Client, staff: User
) -> None:
    happened(staff, staff)
    with trail.unguarded(), connection.cursor() as cursor:
        cursor.execute("UPDATE trunks_auditevent SET after = %s WHERE id = 1", [text])
    for path in ("/", "/audit/", "/audit/1/", f"/audit/people/{staff.pk}/"):
        assert client.get(path).status_code == 200
    assert AuditEvent.objects.get(pk=1).after == {"as stored": text}
    assert text[:100] in client.get("/audit/1/").content.decode().replace("&quot;", '"')


def test_an_event_reads_as_a_sentence_with_a_link_to_its_object(
    client: Client, trunk_request: TrunkRequest
) -> None:
    page = " ".join(client.get("/audit/").content.decode().split())
    assert (
        f'<strong><a href="/audit/people/{trunk_request.filed_by_id}/">Stella Staff</a></strong> filed the'
        in page
    )
    reference = trunk_request.reference
    assert f'<a href="/requests/{reference}/" class="nowrap">{reference}</a>' in page


def test_an_empty_trail_says_what_will_be_in_it(client: Client) -> None:
    page = client.get("/audit/").content.decode()
    assert "No event yet" in page


@pytest.mark.parametrize("role", [Role.STAFF, Role.SUPERVISOR])
@pytest.mark.parametrize("path", ["/audit/", "/audit/1/"])
def test_others_are_refused_with_the_reason(db: None, signed_in: SignedIn, role: Role, path: str) -> None:
    answer = signed_in(cast.person("Olga Other", role)).get(path)
    assert answer.status_code == 403
    assert "manager or administrator" in answer.content.decode()


@pytest.mark.parametrize("role", [Role.MANAGER, Role.ADMINISTRATOR])
def test_managers_and_administrators_read_the_trail(
    trunk_request: TrunkRequest, signed_in: SignedIn, role: Role
) -> None:
    reader = cast.person("Rita Reader", role)
    assert sentences(signed_in(reader), "/audit/") == [Action.REQUEST_FILED]


def test_a_manager_of_one_master_reads_nothing_of_another(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User, manager: User, signed_in: SignedIn
) -> None:
    pk = newest(manager)
    happened(estate.foreign_sub, staff)
    foreign = cast.person("Fred Foreign", Role.MANAGER, master=estate.foreign_master)
    client = signed_in(foreign)
    assert sentences(client, "/audit/") == [Action.REQUEST_CHECKED]
    assert client.get(f"/audit/{pk}/").status_code == 404
    assert "Northwind" not in client.get("/audit/").content.decode()


@pytest.mark.parametrize("path", ["/audit/", "/audit/1/"])
def test_nothing_can_be_posted_to_the_trail(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_filters_live_in_the_address(
    client: Client, estate: cast.Estate, staff: User, supervisor: User, trunk_request: TrunkRequest
) -> None:
    happened(estate.foreign_sub, supervisor, Action.REQUEST_CHECKED, comment="because of the audit")
    happened(estate.sub, None, Action.SYNC_FINISHED)
    for query, expected in {
        f"actor={staff.pk}": [Action.REQUEST_FILED],
        "action=sync.finished": [Action.SYNC_FINISHED],
        "object_type=trunkrequest": [Action.REQUEST_FILED],
        f"object_type=subaccount&object_id={estate.sub.pk}": [Action.SYNC_FINISHED],
        f"master={estate.foreign_master.pk}": [Action.REQUEST_CHECKED],
        "q=because": [Action.REQUEST_CHECKED],
        f"q={trunk_request.reference}&as_words=1": [Action.REQUEST_FILED],
        "action=sync.finished&action=request.filed": [Action.SYNC_FINISHED, Action.REQUEST_FILED],
        "dnis=18888123": [Action.REQUEST_FILED],
        f"sub_account={estate.foreign_sub.pk}": [Action.REQUEST_CHECKED],
        "outcome=failed": [],
        "rows=25&outcome=done&dnis=18888123": [Action.REQUEST_FILED],
        f"actor={staff.pk}&action=sync.finished": [],
    }.items():
        assert sentences(client, f"/audit/?{query}") == expected, query


def test_days_are_those_of_the_readers_zone_and_inclusive(
    client: Client, estate: cast.Estate, staff: User
) -> None:
    happened(estate.sub, staff, Action.REQUEST_FILED, datetime(2026, 3, 9, 22, 59, tzinfo=UTC))
    happened(estate.sub, staff, Action.REQUEST_AMENDED, datetime(2026, 3, 9, 23, 1, tzinfo=UTC))
    happened(estate.sub, staff, Action.REQUEST_DENIED, datetime(2026, 3, 10, 22, 59, tzinfo=UTC))
    happened(estate.sub, staff, Action.REQUEST_RETRIED, datetime(2026, 3, 10, 23, 1, tzinfo=UTC))
    client.cookies["tz"] = "Europe/Madrid"
    day = "/audit/?since=2026-03-10&until=2026-03-10"
    assert sentences(client, day) == [Action.REQUEST_DENIED, Action.REQUEST_AMENDED]


def test_quick_choices_keep_the_other_filters(client: Client, staff: User) -> None:
    with time_machine.travel(datetime(2026, 3, 10, 12, tzinfo=UTC)):
        answer = client.get(f"/audit/?actor={staff.pk}&until=2026-01-01&since=2026-03-04&after=%5B5%5D")
    urls = {preset["title"]: preset["url"] for preset in answer.context["presets"]}
    assert urls == {
        "Today": f"?actor={staff.pk}&since=2026-03-10",
        "7 days": f"?actor={staff.pk}&since=2026-03-04",
        "30 days": f"?actor={staff.pk}&since=2026-02-09",
        "This month": f"?actor={staff.pk}&since=2026-03-01",
        "Last month": f"?actor={staff.pk}&since=2026-02-01&until=2026-02-28",
    }


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=yesterday", "Enter a valid date"),
        ("since=2026-02-01&until=2026-01-01", "The last day lies before the first"),
        ("actor=4711", "This is not among the choices, or no longer."),
        ("action=made.up", "This is not among the choices, or no longer."),
        ("master=99999999999999999999", "This is not among the choices, or no longer."),
    ],
)
def test_a_filter_that_makes_no_sense_is_named_and_shows_nothing(
    client: Client, trunk_request: TrunkRequest, query: str, said: str
) -> None:
    answer = client.get(f"/audit/?{query}")
    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in page.partition('id="problems"')[2].partition("</ul>")[0]
    assert answer.context["page"].rows == []


@pytest.mark.parametrize(
    "query",
    [
        *("until=9999-12-31", "until=9999-12-30", "since=0001-01-01", "since=0001-01-02", "q=%00"),
        *("after=%5B%22x%22%5D", "before=[]"),
        "object_type=trunkrequest&object_id=" + "9" * 40,
    ],
)
def test_extreme_addresses_are_answered(client: Client, trunk_request: TrunkRequest, query: str) -> None:
    for zone in ("Asia/Tokyo", "UTC"):
        client.cookies["tz"] = zone
        assert client.get(f"/audit/?{query}").status_code in (200, 422)


@pytest.mark.parametrize("path", ["/requests/", "/audit/verification/"])
def test_a_list_begins_at_its_beginning_where_the_address_names_nothing(client: Client, path: str) -> None:
    assert client.get(f"{path}?after=[null]").status_code == 200


def test_paging_goes_back_in_time_and_forth_again(client: Client, estate: cast.Estate, staff: User) -> None:
    for number in range(120):
        happened(estate.sub, staff, comment=f"event {number}")
    pages = [client.get("/audit/")]
    while pages[-1].context["page"].next_url:
        pages.append(client.get(f"/audit/{pages[-1].context['page'].next_url}"))
    comments = [event.comment for page in pages for event in page.context["page"].rows]
    assert comments == [f"event {number}" for number in reversed(range(120))]
    back = client.get(f"/audit/{pages[-1].context['page'].previous_url}")
    assert [event.pk for event in back.context["page"].rows] == [
        event.pk for event in pages[1].context["page"].rows
    ]


def test_the_trail_takes_as_many_queries_for_100_events_as_for_10(
    client: Client,
    estate: cast.Estate,
    staff: User,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(10):
        happened(cast.sub_account(estate.master, f"a{number}", f"A {number}"), staff)
    audit_index.catch_up()
    Heartbeat.write("worker")
    with django_assert_max_num_queries(8) as counted:
        client.get("/audit/?rows=100")
    for number in range(100):
        person = User.objects.create(email=f"p{number}@example.com")
        happened(cast.sub_account(estate.foreign_master, f"b{number}", f"B {number}"), person)
    audit_index.catch_up()
    with django_assert_num_queries(len(counted)):
        client.get("/audit/?rows=100")


@pytest.mark.parametrize("asked", ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207"])
def test_an_address_is_found_however_the_server_was_told_of_it(client: Client, asked: str) -> None:
    view = {"name": "Failed", "query": "outcome=failed"}
    client.post("/audit/views/", view, REMOTE_ADDR="::ffff:192.0.2.7")
    assert sentences(client, f"/audit/?ip={asked}") == ["view.saved"]


def test_a_manager_whose_role_has_ended_reads_nothing(
    manager: User, signed_in: SignedIn, trunk_request: TrunkRequest
) -> None:
    RoleGrant.objects.filter(user=manager).update(ends_on=datetime(2020, 1, 1, tzinfo=UTC).date())
    assert signed_in(manager).get("/audit/").status_code == 403


def test_while_the_index_is_made_nobody_learns_the_names_of_master_accounts_that_are_not_theirs(
    signed_in: SignedIn, trunk_request: TrunkRequest, estate: cast.Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = cast.master_account("Elsewhere Telecom", "elsewhere")
    happened(other, cast.person("Ella Elsewhere", master=other))
    monkeypatch.setattr("trunks.audit_index.STEP", 0)
    monkeypatch.setattr("trunks.forms.audit.STEP", 0)
    assert audit_index.standing().behind
    page = (
        signed_in(cast.person("Hans Here", Role.MANAGER, master=estate.master))
        .get("/audit/")
        .content.decode()
    )
    assert estate.master.name in page
    assert "Elsewhere" not in page
