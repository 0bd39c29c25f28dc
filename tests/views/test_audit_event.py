"""The page of one event of the audit trail."""

from datetime import UTC, datetime

from django.db import connection
from django.test import Client

from tests import cast, trail
from tests.views import test_audit
from tests.views.test_audit import happened, newest
from trunks import context
from trunks.actions import Action
from trunks.models import MasterAccount, User

client = test_audit.client

HOSTILE = "<script>alert('x')</script>"


def test_an_events_page_says_who_when_and_from_where(
    client: Client, manager: User, estate: cast.Estate, staff: User
) -> None:
    here = context.Context("abcdef0123456789", "198.51.100.7", "Browser 1.0")
    with context.bound(here):
        happened(
            estate.sub,
            staff,
            at=datetime(2026, 3, 10, 23, 30, 5, tzinfo=UTC),
            before={"state": "pending", "gone": None},
            after={"state": "approved", "lines": [{"dnis": "18888123"}]},
            comment="Looks right",
            tracking_id="v=2.0;rid=WEB_1",
        )
    client.cookies["tz"] = "Europe/Madrid"
    page = client.get(f"/audit/{newest(manager)}/").content.decode()
    for said in (
        "Stella Staff",
        staff.email,
        "11 Mar 2026, 00:30:05 CET",
        "10 Mar 2026, 23:30:05 UTC",
        *("198.51.100.7", "Browser 1.0", "abcdef0123456789", "v=2.0;rid=WEB_1", "Looks right"),
        "<del>pending</del>",
        "<ins>approved</ins>",
        "lines 18888123 · dnis",
    ):
        assert said in page, said


def test_what_the_system_did_names_its_ground(client: Client, manager: User, estate: cast.Estate) -> None:
    happened(estate.sub, None, Action.SYNC_FINISHED)
    page = client.get(f"/audit/{newest(manager)}/").content.decode()
    assert '<strong title="Reason: test">The portal</strong>' in client.get("/audit/").content.decode()
    assert "Reason: test" in page
    assert "System (" not in page
    assert "not from a browser" in page


def test_whatever_people_typed_is_shown_as_text(client: Client, manager: User, estate: cast.Estate) -> None:
    person = cast.person("Max")
    User.objects.filter(pk=person.pk).update(name=HOSTILE)
    person.refresh_from_db()
    MasterAccount.objects.filter(pk=estate.master.pk).update(name=HOSTILE)
    estate.sub.name = HOSTILE
    with context.bound(context.Context("abcdef0123", "", HOSTILE)):
        happened(
            estate.sub,
            person,
            comment=HOSTILE,
            before={HOSTILE: HOSTILE},
            after={"a": [HOSTILE]},
            tracking_id=HOSTILE,
        )
    for path in ("/audit/", f"/audit/{newest(manager)}/", f"/sub-accounts/{estate.sub.pk}/"):
        page = client.get(path).content.decode()
        assert "&lt;script&gt;alert" in page
        assert "<script>alert" not in page


def test_an_event_of_an_older_portal_is_still_shown(
    client: Client, manager: User, estate: cast.Estate
) -> None:
    happened(estate.sub, manager)
    with trail.unguarded(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE trunks_auditevent SET action = 'old.habit', object_type = 'relic', object_id = 'a/b'"
        )
    page = client.get("/audit/").content.decode()
    assert "old.habit" in page
    assert client.get(f"/audit/{newest(manager)}/").status_code == 200


def test_an_event_that_does_not_exist_is_404(client: Client) -> None:
    assert client.get("/audit/99999999999999999999/").status_code == 404
