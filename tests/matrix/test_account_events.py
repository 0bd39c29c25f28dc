"""allauth's addresses: what somebody does there leaves an event as well, or stands here with the reason why none."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from unittest import mock

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core import mail
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests import cast, totp
from tests.conftest import SignedIn
from tests.matrix.accounts import ONE_KEY, ROWS
from trunks.models import User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import signing_in

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

A = "accounts/"
NEW = "another long secret"
NEW_TWICE = {"password1": NEW, "password2": NEW}
WRITES = re.compile(
    r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM) "?(?!django_session|trunks_browsersignin)\w', re.I
)

# What takes a form, or seems to, and leaves no event, and why.
NOTHING_TO_TELL = {
    f"{A}email/": "the portal's own redirect stands before it",
    f"{A}3rdparty/": "the portal's own redirect stands before it",
    f"{A}signup/": "nobody signs up: it says so",
    f"{A}3rdparty/signup/": "nobody signs up: it leads to the sign-in page",
    f"{A}login/code/confirm/": "nobody signs in by a code from a letter: it leads to the sign-in page",
    f"{A}confirm-email/": "only shows; addresses are not confirmed by letters",
    rf"{A}^confirm-email/(?P<key>[-:\w]+)/$": "no address waits to be confirmed, so that no key is known",
    f"{A}inactive/": "only shows",
    f"{A}password/reset/done/": "only shows",
    f"{A}password/reset/key/done/": "only shows",
    f"{A}2fa/": "only shows",
    f"{A}2fa/recovery-codes/": "takes no form; showing them is an event: the last test of this page",
    f"{A}2fa/recovery-codes/download/": "the same",
    f"{A}3rdparty/login/cancelled/": "only shows",
    f"{A}3rdparty/login/error/": "only shows",
    **dict.fromkeys(
        [f"{A}social/{name}/" for name in ("login/cancelled", "login/error", "signup", "connections")],
        "an address of old, moved for good",
    ),
}
# Only where there is an identity provider: tests/portal/test_single_sign_on.py looks at what coming back leaves.
ELSEWHERE = {f"{A}oidc/^(?P<provider_id>[^/]+)/login/", f"{A}oidc/^(?P<provider_id>[^/]+)/login/callback/"}


class Doing(NamedTuple):
    """What somebody sends to an address after `before`, and the events that it leaves, of theirs or of nobody."""

    data: Callable[[Client, User], dict[str, Any]]
    events: list[str]
    path: Callable[[Client, User], str] | None = None
    signed_in: bool = True
    by: str = "staff"


def given(**data: str) -> Callable[[Client, User], dict[str, Any]]:
    return lambda client, user: data


def without_password(client: Client, user: User) -> dict[str, Any]:
    user.set_unusable_password()
    user.save()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return NEW_TWICE


def code(client: Client, user: User) -> dict[str, Any]:
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return {"code": totp.code(secret)}


def halfway(client: Client, user: User) -> dict[str, Any]:
    """Return the code of somebody who has given the password and not the second factor."""
    found = code(client, user)
    client.post("/accounts/login/", {"login": user.email, "password": cast.PASSWORD})
    return found


def wrong_after(
    prepare: Callable[[Client, User], dict[str, Any]],
) -> Callable[[Client, User], dict[str, Any]]:
    def data(client: Client, user: User) -> dict[str, Any]:
        return prepare(client, user) | {"code": "000000"}

    return data


def first_code(client: Client, user: User) -> dict[str, Any]:
    secret = client.get("/accounts/2fa/totp/activate/").context["form"].secret
    return {"code": totp.code(secret)}


def second_session(client: Client, user: User) -> dict[str, Any]:
    for one in (client, Client()):
        one.post("/accounts/login/", {"login": user.email, "password": cast.PASSWORD})
    return {}


def link(client: Client, user: User) -> str:
    """Return where the link of a letter leads."""
    client.post("/accounts/password/reset/", {"email": user.email})
    found = re.search(r"/accounts/password/reset/key/\S+", str(mail.outbox[0].body))
    assert found
    return str(client.get(found[0])["Location"])


OLD = cast.PASSWORD
DOINGS: dict[str, list[Doing]] = {
    f"{A}login/": [
        Doing(lambda _, user: {"login": user.email, "password": OLD}, ["session.began"], signed_in=False),
        Doing(
            lambda _, user: {"login": user.email, "password": "wrong"},
            ["session.failed"],
            signed_in=False,
            by="nobody",
        ),
    ],
    f"{A}logout/": [Doing(given(), ["session.left"])],
    f"{A}reauthenticate/": [
        Doing(given(password=OLD), ["session.confirmed"]),
        Doing(given(password="wrong"), ["session.not_confirmed"], by="nobody"),
    ],
    f"{A}password/change/": [
        Doing(given(oldpassword=OLD, **NEW_TWICE), ["password.changed"]),
        Doing(given(oldpassword="wrong", **NEW_TWICE), ["session.not_confirmed"], by="nobody"),
    ],
    f"{A}password/set/": [Doing(without_password, ["password.changed"])],
    f"{A}password/reset/": [
        Doing(lambda _, user: {"email": user.email}, ["password.reset_asked"], signed_in=False, by="nobody"),
        Doing(given(email="nobody@example.com"), ["password.reset_asked"], signed_in=False, by="nobody"),
    ],
    ONE_KEY: [Doing(given(**NEW_TWICE), ["password.reset"], path=link, signed_in=False, by="nobody")],
    f"{A}2fa/authenticate/": [
        Doing(halfway, ["session.began"], signed_in=False),
        Doing(wrong_after(halfway), ["factor.failed"], signed_in=False, by="nobody"),
    ],
    f"{A}2fa/reauthenticate/": [
        Doing(code, ["session.confirmed"]),
        Doing(wrong_after(code), ["factor.failed"], by="nobody"),
    ],
    f"{A}2fa/totp/activate/": [
        Doing(first_code, ["factor.added", "factor.added"]),  # the app, and recovery codes with it
        # Nobody is kept out of anything by it: they have the secret before their eyes.
        Doing(given(code="000000"), []),
    ],
    f"{A}2fa/totp/deactivate/": [Doing(code, ["factor.removed"])],
    f"{A}2fa/recovery-codes/generate/": [Doing(code, ["factor.codes_generated"])],
    f"{A}sessions/": [
        Doing(second_session, ["session.others_ended"], signed_in=False),
        Doing(given(), []),  # there is no other session, so that nothing ends
    ],
}


def test_every_address_of_allauth_is_tried_or_has_its_reason() -> None:
    known = [*DOINGS, *NOTHING_TO_TELL, *ELSEWHERE]
    assert sorted(known) == sorted(ROWS)


@pytest.mark.parametrize(
    ("pattern", "number"),
    [(pattern, number) for pattern, all_ in DOINGS.items() for number in range(len(all_))],
)
def test_what_is_done_about_ones_own_account_leaves_its_event(
    pattern: str,
    number: int,
    staff: User,
    client: Client,
    signed_in: SignedIn,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    doing = DOINGS[pattern][number]
    client = signed_in(staff) if doing.signed_in else client
    data = doing.data(client, staff)
    path = doing.path(client, staff) if doing.path else f"/{pattern}"
    before = AuditEvent.objects.count()
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(path, data)
    assert answer.status_code in (200, 302)
    events = AuditEvent.objects.order_by("id")[before:]
    assert [event.action for event in events] == doing.events
    assert {event.actor for event in events} <= ({staff} if doing.by == "staff" else {None})
    assert NEW not in str([vars(event) for event in events])


@pytest.mark.parametrize("pattern", sorted(NOTHING_TO_TELL))
@pytest.mark.parametrize("who", ["staff", "nobody"])
def test_what_leaves_no_event_changes_nothing(
    pattern: str, who: str, staff: User, client: Client, signed_in: SignedIn
) -> None:
    client = signed_in(staff) if who == "staff" else client
    RecoveryCodes.activate(staff)
    form = {"email": "new@example.com", "action_add": "", "code": "000000", **NEW_TWICE}
    before = AuditEvent.objects.count()
    with CaptureQueriesContext(connection) as asked:
        client.post(ROWS[pattern].address(None), form)  # type: ignore[arg-type]  # none of them is about the scene
    wrote = [query["sql"] for query in asked if WRITES.match(query["sql"])]
    assert [
        sql for sql in wrote if "viewed_at" not in sql
    ] == []  # that codes were shown, allauth notes on its row
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("path", ["", "download/"])
def test_that_recovery_codes_were_shown_is_an_event(path: str, staff: User, client: Client) -> None:
    client.post("/accounts/login/", {"login": staff.email, "password": cast.PASSWORD})
    path = f"/accounts/2fa/recovery-codes/{path}"
    assert client.get(path).status_code == 404
    assert not AuditEvent.objects.filter(action="factor.codes_shown").exists()
    codes = RecoveryCodes.activate(staff).get_unused_codes()
    assert codes[0] in client.get(path).content.decode()
    told = AuditEvent.objects.get(action="factor.codes_shown")
    assert (told.actor, told.object_id, told.after) == (staff, str(staff.pk), {"codes": len(codes)})
    assert codes[0] not in str(vars(told))


def test_recovery_codes_are_not_shown_where_no_event_can_be_written(
    staff: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/accounts/login/", {"login": staff.email, "password": cast.PASSWORD})
    kept = RecoveryCodes.activate(staff)
    monkeypatch.setattr(signing_in, "codes_shown", mock.Mock(side_effect=OperationalError("disk full")))
    answer = client.get("/accounts/2fa/recovery-codes/")
    assert answer.status_code == 503
    assert kept.get_unused_codes()[0] not in answer.content.decode()
    kept.instance.refresh_from_db()
    assert not kept.did_view
