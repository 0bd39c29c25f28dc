"""Connecting a master account: tried out first, told in plain words, stored encrypted or not at all."""

import logging

import pytest
from django.db import connection
from pytest_django import Settings

from tests import cast
from trunks import audit
from trunks.models import MasterAccount, Role, TrunkRequest, User, ZoomToken, clock
from trunks.models.audit_event import AuditEvent
from trunks.sandbox import estate as sandbox_estate
from trunks.sandbox.estate import CONTOSO, NORTHWIND, DemoCredential
from trunks.sandbox.server import Sandbox
from trunks.workflow import connecting
from trunks.workflow.errors import Refused
from trunks.zoom.client import ZoomClient

TRUNKS = "/sip_trunk/trunks$"

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


def connect(credential: DemoCredential, **changes: object) -> MasterAccount:
    """Connect with the sandbox's `credential`, for nobody in particular."""
    given = {
        "name": credential.name,
        "account_id": credential.account_id,
        "client_id": credential.client_id,
        "client_secret": credential.client_secret,
        "actor": None,
        "why": "test",
    }
    return connecting.connect(**{**given, **changes})  # type: ignore[arg-type]


def test_good_credentials_are_stored_and_recorded(sandbox: Sandbox, administrator: User) -> None:
    told: list[str] = []
    master = connect(CONTOSO, actor=administrator, why="", rate_plan="business", progress=told.append)
    master.refresh_from_db()
    assert (master.zoom_id, master.client_secret) == (CONTOSO.account_id, CONTOSO.client_secret)
    assert (master.rate_plan, str(master), told) == (
        "business",
        CONTOSO.name,
        ["Trying the credentials at Zoom …"],
    )
    event = audit.history(master).get()
    assert (event.action, event.actor, event.master) == ("master.connected", administrator, master)
    assert CONTOSO.client_secret not in f"{event.before} {event.after} {event.comment}"
    assert event.after["client_id"] == CONTOSO.client_id


def test_the_secret_is_not_in_the_table_in_clear(sandbox: Sandbox) -> None:
    connect(CONTOSO)
    with connection.cursor() as cursor:
        cursor.execute("SELECT client_secret FROM trunks_masteraccount")
        stored = cursor.fetchone()[0]
    assert stored.startswith("gAAAA")
    assert CONTOSO.client_secret not in stored


def test_the_same_account_again_gets_the_new_credentials(sandbox: Sandbox) -> None:
    master = connect(CONTOSO)
    ZoomToken.objects.create(master=master, value="old", expires_at=9e9)
    again = connect(CONTOSO, name="Contoso South")
    assert again.pk == master.pk
    assert MasterAccount.objects.get().name == "Contoso South"
    assert not ZoomToken.objects.exists()
    assert [event.action for event in audit.history(master)] == [
        "master.connected",
        "master.credentials_changed",
    ]


@pytest.mark.parametrize(
    ("credential", "words"),
    [
        (sandbox_estate.NO_SIP_SCOPE, "lacks the scope sip_trunk:master"),
        (
            sandbox_estate.READ_ONLY,
            "lacks the scope sip_trunk:master or sip_connected_audio:write:trunks:master",
        ),
        (sandbox_estate.NOT_A_MASTER, "not a master account"),
        (sandbox_estate.NO_TRUNKS, "has no SIP trunks at Zoom"),
        (sandbox_estate.NO_PLAN, "not enrolled in the SIP Connected Audio plan"),
        (NORTHWIND._replace(client_secret="wrong-secret-1"), "refuses the portal's credentials"),
        (NORTHWIND._replace(client_id="wrong-client"), "refuses the portal's credentials"),
        (NORTHWIND._replace(account_id="wrong-account"), "refuses the portal's credentials"),
        (NORTHWIND._replace(client_id="\udcff"), "cannot be sent"),
        (NORTHWIND._replace(name=" "), "The name has 1 to 120 characters"),
        (NORTHWIND._replace(name="N" * 121), "The name has 1 to 120 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name[:20],
)
def test_bad_credentials_are_told_in_plain_words_and_not_stored(
    credential: DemoCredential, words: str, sandbox: Sandbox
) -> None:
    with pytest.raises(connecting.CannotConnect) as caught:
        connect(credential)
    assert any(words in finding for finding in caught.value.findings), caught.value.findings
    assert caught.value.reason == " ".join(caught.value.findings)
    assert len(set(caught.value.findings)) == len(caught.value.findings)
    assert credential.client_secret not in caught.value.reason
    assert not MasterAccount.objects.exists()


def test_zoom_that_cannot_be_reached_is_told_and_nothing_stored(settings: Settings) -> None:
    settings.ZOOM_OAUTH_URL = settings.ZOOM_API_URL = "http://127.0.0.1:9"
    with pytest.raises(connecting.CannotConnect, match="Zoom cannot be reached"):
        connect(NORTHWIND)
    assert not MasterAccount.objects.exists()


def test_a_zoom_that_fails_once_does_not_stop_the_connecting(sandbox: Sandbox) -> None:
    sandbox.fault("503", path="/oauth/token")
    sandbox.fault("502", path=TRUNKS)
    sandbox.fault("429", path=r"/v2/accounts$")
    assert connect(NORTHWIND).zoom_id == NORTHWIND.account_id


def test_who_waits_for_a_zoom_that_is_down_is_not_told_that_it_goes_on_by_itself(sandbox: Sandbox) -> None:
    sandbox.fault("503", path=TRUNKS, times=0)
    with pytest.raises(connecting.CannotConnect, match=r"internal problem\. Try again in a moment") as caught:
        connect(NORTHWIND)
    assert "by itself" not in caught.value.reason


@pytest.mark.parametrize(
    ("limit", "when"), [("qps", r"after \d\d:\d\d:\d\d UTC"), ("daily", r"after 00:00:0\d UTC")]
)
def test_nor_that_a_limit_which_lasts_is_over_in_a_moment(sandbox: Sandbox, limit: str, when: str) -> None:
    retry_after = "seconds" if limit == "qps" else "absent"
    sandbox.fault("429", path=TRUNKS, times=0, seconds=600.0, limit=limit, retry_after=retry_after)
    with pytest.raises(connecting.CannotConnect, match=rf"limit.* is reached\. Try again {when}") as caught:
        connect(NORTHWIND)
    assert "in a moment" not in caught.value.reason


def test_what_could_not_be_connected_is_on_record_without_the_secret(
    sandbox: Sandbox, administrator: User
) -> None:
    with pytest.raises(connecting.CannotConnect) as caught:
        connect(CONTOSO, client_secret="wrong-secret-2468", actor=administrator, why="")
    event = AuditEvent.objects.get()
    assert (event.action, event.outcome, event.actor) == ("master.not_connected", "failed", administrator)
    assert (event.object_label, event.master_id) == (CONTOSO.name, None)
    assert event.after == {
        "name": CONTOSO.name,
        "account_id": CONTOSO.account_id,
        "client_id": CONTOSO.client_id,
        "findings": caught.value.findings,
    }
    assert "wrong-secret-2468" not in str(vars(event))


def test_new_credentials_that_do_not_do_are_told_in_the_history_of_the_account(sandbox: Sandbox) -> None:
    master = connect(CONTOSO)
    with pytest.raises(connecting.CannotConnect):
        connect(CONTOSO, client_secret="wrong-secret-2468")
    event = audit.history(master).last()
    assert event is not None
    assert (event.action, event.master, event.actor_name) == ("master.not_connected", master, "System (test)")


def test_a_command_line_in_another_encoding_is_on_record_as_far_as_it_can_be(sandbox: Sandbox) -> None:
    with pytest.raises(connecting.CannotConnect):
        connect(CONTOSO, name="caf\udce9", client_id="a\0b")
    event = AuditEvent.objects.get()
    assert (event.object_label, event.after["client_id"]) == ("caf?", "a?b")


def test_the_name_of_another_account_is_not_taken_twice(sandbox: Sandbox) -> None:
    connect(CONTOSO)
    with pytest.raises(connecting.CannotConnect, match="has the name Contoso Carrier Services already"):
        connect(NORTHWIND, name=CONTOSO.name)
    assert MasterAccount.objects.count() == 1


@pytest.mark.parametrize("who", ["staff", "supervisor", "manager", "superuser", "stranger"])
def test_only_administrators_for_all_masters_connect(
    who: str, sandbox: Sandbox, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(Refused):
        connect(CONTOSO, actor=request.getfixturevalue(who))
    assert sandbox.calls == []


def test_an_administrator_of_one_master_account_does_not_connect_others(
    sandbox: Sandbox,
) -> None:
    master = cast.master_account("Northwind", "northwind-account-id")
    here = cast.person("Hans Here", Role.ADMINISTRATOR, master=master)
    with pytest.raises(Refused):
        connect(CONTOSO, actor=here)


def test_a_token_answer_without_scopes_is_no_reason_to_refuse(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ZoomClient, "scopes", lambda _: frozenset())
    assert connect(CONTOSO).zoom_id == CONTOSO.account_id


def test_mended_credentials_wake_what_was_waiting_for_zoom(
    sandbox: Sandbox, trunk_request: TrunkRequest, supervisor: User, rung: list[tuple[str, int]]
) -> None:
    approved = cast.approved(trunk_request, supervisor)
    later = clock.after(3600)
    TrunkRequest.objects.filter(pk=approved.pk).update(tries=3, next_attempt_at=later)
    MasterAccount.objects.filter(pk=approved.master_id).update(zoom_id=CONTOSO.account_id)
    connect(CONTOSO)
    assert ("trunks.tasks.provision", approved.pk) in rung


def test_no_secret_is_logged(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    connect(CONTOSO)
    with pytest.raises(connecting.CannotConnect):
        connect(CONTOSO, client_secret="wrong-secret-1")
    out, err = capfd.readouterr()
    for secret in (CONTOSO.client_secret, "wrong-secret-1"):
        assert secret not in caplog.text + out + err
