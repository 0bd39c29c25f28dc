"""Reading all of one person or of one address: a page, and an event of its own."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from tests import cast, trail
from tests.conftest import SignedIn
from tests.views import test_audit_tools
from tests.views.test_audit import happened, sentences
from tests.views.test_audit_tools import told
from trunks import context
from trunks.actions import Action
from trunks.models import MasterAccount, Role, RoleGrant, TrunkRequest, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import oversight
from trunks.workflow.errors import Refused

client = test_audit_tools.client


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
