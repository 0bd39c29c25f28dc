"""The audit trail: complete, in the change's own transaction, without secrets, and read by those who may."""

from datetime import UTC, datetime, timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.http import Http404
from django.test import Client
from pytest_django import Settings

from tests import cast
from tests import trail as trail_of_tests
from trunks import audit, chain, context
from trunks.actions import Action
from trunks.models import MasterAccount, Role, TrunkRequest, User
from trunks.models.audit_event import AuditEvent, AuditHead
from trunks.models.fields import EncryptedTextField
from trunks.workflow import filing

pytestmark = pytest.mark.sqlite


def events(user: User, **filters: object) -> list[str]:
    return [event.action for event in audit.search(user, audit.Filters(**filters))]  # type: ignore[arg-type]


def record(
    on: MasterAccount | TrunkRequest | User, action: Action = Action.SYNC_REQUESTED, **more: object
) -> AuditEvent:
    """Record one event and return it."""
    with transaction.atomic():
        audit.record(action, **{"actor": None, "why": "test", "on": on, **more})  # type: ignore[arg-type]
    return AuditEvent.objects.order_by("-id")[0]


def test_an_event_says_who_did_what_to_which_object_and_from_where(estate: cast.Estate, staff: User) -> None:
    here = context.Context(request_id="abc-123", ip="192.0.2.7", user_agent="A browser")
    with context.bound(here):
        event = record(estate.master, actor=staff, why="", before={"a": 1}, after={"a": 2}, comment="c")
    assert (event.actor, event.actor_email, event.actor_name) == (
        staff,
        "stella-staff@example.com",
        "Stella Staff",
    )
    assert (event.object_type, event.object_id, event.object_label) == (
        "masteraccount",
        str(estate.master.pk),
        "Northwind",
    )
    assert (event.before, event.after, event.comment) == ({"a": 1}, {"a": 2}, "c")
    assert (event.request_id, event.ip, event.user_agent) == ("abc-123", "192.0.2.7", "A browser")
    assert abs(event.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert str(event) == "sync.requested Northwind"


def test_the_system_names_the_ground_it_acts_on(estate: cast.Estate) -> None:
    event = record(estate.master, why="schedule")
    assert (event.actor, event.actor_email, event.actor_name) == (None, "", "System (schedule)")


def test_an_event_says_the_same_when_its_people_are_renamed(estate: cast.Estate, staff: User) -> None:
    event = record(estate.master, actor=staff)
    User.objects.filter(pk=staff.pk).update(name="Somebody Else", email="else@example.com")
    event.refresh_from_db()
    assert (event.actor_name, event.actor_email) == ("Stella Staff", "stella-staff@example.com")


@pytest.mark.parametrize("action", ["request.filed", "nonsense", "", None])
def test_an_unknown_action_is_not_recorded(action: object, estate: cast.Estate) -> None:
    with pytest.raises(audit.NotRecorded, match="not an action"), transaction.atomic():
        audit.record(action, actor=None, why="test", on=estate.master)  # type: ignore[arg-type]


def test_nobody_at_all_is_no_actor(estate: cast.Estate) -> None:
    with pytest.raises(audit.NotRecorded, match="neither a person"), transaction.atomic():
        audit.record(Action.SYNC_REQUESTED, actor=None, on=estate.master)


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_the_transaction_of_its_change_is_not_recorded(
    estate: cast.Estate, staff: User
) -> None:
    assert not connection.in_atomic_block
    with pytest.raises(audit.NotRecorded, match="in the transaction"):
        audit.record(Action.SYNC_REQUESTED, actor=staff, on=estate.master)
    assert not AuditEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_event_falls_with_its_change(estate: cast.Estate, staff: User) -> None:
    def change() -> None:
        with transaction.atomic():
            audit.record(Action.SYNC_REQUESTED, actor=staff, on=estate.master)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("name", sorted(audit.secret_fields()))
def test_secrets_are_never_written_down_however_deep_they_lie(name: str, estate: cast.Estate) -> None:
    deep = {"list": [{"more": {name: "hush-1"}}], name: {"inside": "hush-2"}, "name": "x"}
    event = record(estate.master, before={name: "hush-3"}, after=deep)
    assert event.before == {name: "(not recorded)"}
    assert event.after["list"] == [{"more": {name: "(not recorded)"}}]
    assert "hush" not in str(trail_of_tests.query("SELECT before, after FROM trunks_auditevent"))


def test_every_field_that_is_encrypted_or_hashed_is_declared_a_secret() -> None:
    kept = {
        field.name
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, EncryptedTextField) or field.name == "password"
    }
    assert {"client_secret", "value", "password"} <= kept <= audit.secret_fields()
    assert Authenticator._meta.get_field("data").name in audit.secret_fields()


@pytest.mark.parametrize(
    ("then", "expected"), [(None, 1), (Action.PROVISIONING_ANSWERED, 0), (Action.PROVISIONING_HALTED, 1)]
)
def test_an_intent_without_an_outcome_is_an_alarm(
    then: Action | None,
    expected: int,
    trunk_request: TrunkRequest,
    administrator: User,
    client: Client,
    settings: Settings,
) -> None:
    record(trunk_request, Action.PROVISIONING_INTENDED)
    assert not audit.unanswered().exists()
    settings.LEASE_SECONDS = settings.HTTP_DEADLINE_SECONDS = 0
    if then:
        record(trunk_request, then)
    assert audit.unanswered().count() == expected
    assert f"portal_unanswered_intents {expected}.0" in client.get("/metrics").content.decode()
    client.force_login(administrator, backend="django.contrib.auth.backends.ModelBackend")
    assert ("nothing was heard of it" in client.get("/").content.decode()) is bool(expected)


def test_a_person_without_a_name_and_with_a_long_address_can_act(estate: cast.Estate) -> None:
    user = User.objects.create_user("a" * 60 + "@" + "b" * 60 + ".example")
    event = record(estate.master, actor=user, tracking_id="T" * 300)
    assert event.actor_email == user.email
    assert (event.actor_name, len(event.tracking_id)) == (user.email[:120], 200)


def test_the_master_account_is_that_of_the_object(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    assert record(trunk_request).master == estate.master
    assert record(staff).master is None
    assert record(staff, master=estate.foreign_master).master == estate.foreign_master


@pytest.fixture
def trail(estate: cast.Estate, trunk_request: TrunkRequest, staff: User) -> None:
    """Record events of both masters and of none, after the filing of the request."""
    record(estate.foreign_master, Action.SYNC_FAILED, comment="Zoom cannot be reached")
    record(staff, Action.ROLE_GRANTED)


def test_the_trail_is_read_newest_first(trail: None, manager: User, administrator: User) -> None:
    expected = ["role.granted", "sync.failed", "request.filed"]
    assert events(manager) == events(administrator) == expected
    assert [event.action for event in audit.search(manager)] == expected


@pytest.mark.parametrize("who", ["staff", "supervisor", "superuser", "stranger", "other_staff"])
def test_others_read_nothing(who: str, trail: None, request: pytest.FixtureRequest) -> None:
    user = request.getfixturevalue(who)
    assert events(user) == []
    with pytest.raises(Http404):
        audit.event_for(user, AuditEvent.objects.order_by("id")[0].pk)


def test_a_manager_of_one_master_account_reads_what_belongs_to_it(trail: None, estate: cast.Estate) -> None:
    here = cast.person("Hans Here", Role.MANAGER, master=estate.master)
    assert events(here) == ["request.filed"]
    [mine] = AuditEvent.objects.filter(master=estate.master)
    assert audit.event_for(here, mine.pk) == mine
    for other in AuditEvent.objects.exclude(pk=mine.pk):
        with pytest.raises(Http404):
            audit.event_for(here, other.pk)


def test_each_filter_narrows(trail: None, estate: cast.Estate, manager: User, staff: User) -> None:
    assert events(manager, actor=staff.pk) == ["request.filed"]
    assert events(manager, actions=("sync.failed",)) == ["sync.failed"]
    assert events(manager, object_type="user") == ["role.granted"]
    assert events(manager, object_type="user", object_id=str(staff.pk)) == ["role.granted"]
    assert events(manager, object_id="0") == []
    assert events(manager, master=estate.foreign_master.pk) == ["sync.failed"]
    assert events(manager, q="cannot be REACHED") == ["sync.failed"]
    assert events(manager, q="TR-") == ["request.filed"]
    assert events(manager, q="stella") == ["role.granted", "request.filed"]
    assert events(manager, actions=("sync.failed",), q="stella") == []


def test_the_rarer_filters_narrow_as_well(
    trail: None, estate: cast.Estate, trunk_request: TrunkRequest, manager: User
) -> None:
    here = context.Context("1234-abcd", "192.0.2.7", "")
    with context.bound(here):
        record(trunk_request, Action.PROVISIONING_UNCONFIRMED)
    assert events(manager, outcome="unknown") == ["provisioning.unconfirmed"]
    assert events(manager, ip="192.0.2.7") == ["provisioning.unconfirmed"]
    assert events(manager, request_id="1234-abcd") == ["provisioning.unconfirmed"]
    assert events(manager, sub_account=estate.sub.pk) == ["provisioning.unconfirmed", "request.filed"]
    assert events(manager, actions=("sync.failed", "request.filed")) == ["sync.failed", "request.filed"]
    assert events(manager, q="adatum") == ["provisioning.unconfirmed", "request.filed"]
    assert events(manager, q="new CUSTOMER") == ["request.filed"]


def test_a_dnis_is_found_whole_and_never_by_a_part_of_it(
    estate: cast.Estate, staff: User, manager: User
) -> None:
    filing.file(cast.draft(estate.sub, estate.trunk, "18888123", "1888812"), actor=staff)
    assert events(manager, dnis="18888123") == events(manager, dnis="1888812") == ["request.filed"]
    assert events(manager, dnis="8888123") == events(manager, dnis="188881") == []


def test_since_is_inclusive_and_until_is_not(trail: None, manager: User) -> None:
    third, second, first = (event.at for event in audit.search(manager))
    assert events(manager, since=third) == ["role.granted"]
    assert events(manager, until=second) == ["request.filed"]
    assert events(manager, since=first, until=third) == ["sync.failed", "request.filed"]


def test_the_history_of_one_object_is_oldest_first(trunk_request: TrunkRequest, supervisor: User) -> None:
    cast.approved(trunk_request, supervisor)
    assert [event.action for event in audit.history(trunk_request)] == [
        "request.filed",
        "request.approved",
    ]
    last = audit.last_mover(trunk_request)
    assert last is not None
    assert last.actor == supervisor


def test_events_are_numbered_without_a_gap_and_each_takes_in_the_one_before(trail: None) -> None:
    events = list(AuditEvent.objects.order_by("id"))
    assert [event.id for event in events] == [1, 2, 3]
    last = chain.GENESIS
    for event in events:
        fields = {field.attname: field for field in AuditEvent._meta.concrete_fields}
        last = chain.link(last, {n: fields[n].get_prep_value(getattr(event, n)) for n in chain.FIELDS})
        assert event.hash == last
    assert AuditHead.objects.get().hash == last


def test_an_event_about_a_request_names_sub_account_dnis_and_outcome(
    trunk_request: TrunkRequest, estate: cast.Estate, supervisor: User, staff: User
) -> None:
    event = record(trunk_request, Action.ACTION_REFUSED, actor=supervisor, why="", on_behalf_of=staff)
    assert (event.sub_account, event.sub_account_name) == (estate.sub, "Adatum Logistics")
    assert (event.dnis, event.outcome, event.master_name) == ("18888123", "refused", "Northwind")
    assert (event.on_behalf_of, event.on_behalf_of_name) == (staff, "Stella Staff")
    assert event.portal_version == settings.PORTAL_VERSION


def test_the_order_in_which_values_were_written_stays(estate: cast.Estate) -> None:
    event = record(estate.master, after={"z": 1, "a": "ü"})
    event.refresh_from_db()
    assert list(event.after) == ["z", "a"]
