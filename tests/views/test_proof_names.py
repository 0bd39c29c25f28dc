"""The page that asks for a proof names what waits for it: nobody confirms what they do not see."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import URLPattern
from pytest_django import Settings

from tests import cast
from tests.conftest import SignedIn
from tests.views.test_step_up import PROVE, aged
from trunks.models import Role, TrunkRequest, User, Webhook, clock
from trunks.urls import urlpatterns

WHERE: dict[str, tuple[str, str]] = {
    "approve": ("/requests/{row.reference}/approve/", "approve {row.reference}"),
    "deny": ("/requests/{row.reference}/deny/", "deny {row.reference}"),
    "send back": ("/requests/{row.reference}/send-back/", "send {row.reference} back"),
    "stop": ("/writing/stop/", "stop writing to Zoom"),
    "decline": ("/writing/1/decline/", "decline the start of writing to Zoom"),
    "deactivate": ("/people/{staff.pk}/deactivate/", "deactivate Stella Staff"),
    "grant": ("/people/{staff.pk}/grant/", "give a role to Stella Staff"),
    "invite": ("/people/invite/", "invite new@example.com"),
    "policy": ("/masters/{row.master_id}/policy/", "save the approval policy of {row.master}"),
    "webhook": ("/webhooks/1/off/", "switch off the webhook Desk"),
    "delegate": ("/delegations/", "let somebody else decide for you"),
}


@pytest.fixture
def everything(db: None) -> User:
    return cast.person("Ada All", *Role)


@pytest.fixture
def client(everything: User, signed_in: SignedIn, settings: Settings) -> Client:
    settings.REQUIRE_MFA = frozenset()
    return aged(signed_in(everything), 901)


def asked(client: Client, path: str, **form: Any) -> str:
    """Post to `path` and return the page that asks for the proof."""
    return client.get(client.post(path, form)["Location"]).content.decode()


@pytest.mark.parametrize("name", WHERE)
def test_what_waits_is_named(
    name: str, client: Client, trunk_request: TrunkRequest, staff: User, everything: User
) -> None:
    Webhook.objects.create(
        pk=1, name="Desk", url="https://desk.example.com", made_by=everything, made_at=clock.now()
    )
    path, words = (text.format(row=trunk_request, staff=staff) for text in WHERE[name])
    page = asked(client, path, email="new@example.com")
    assert f"confirmed that it is you: <strong>{words}</strong>." in page


def test_several_requests_are_named_as_far_as_they_can_be_read(
    client: Client, trunk_request: TrunkRequest
) -> None:
    form = {"chosen": [f"{trunk_request.reference}.1.", "TR-000777.2.", "<b>nonsense</b>"]}
    page = asked(client, "/approvals/together/", **form)
    assert f"<strong>approve {trunk_request.reference}, TR-000777</strong>" in page
    assert "nonsense" not in page


def test_what_was_typed_is_shown_as_text_and_cut(client: Client) -> None:
    page = asked(client, "/people/invite/", email="<script>alert(1)</script>" + "x" * 500)
    assert "<strong>invite &lt;script&gt;alert(1)" in page
    assert "x" * 100 not in page


def test_a_wrong_password_still_names_it(client: Client) -> None:
    path = "/writing/stop/"
    client.post(path, {"reason": "x"})
    page = client.post(PROVE, {"password": "wrong-pass-2468", "next": path}).content.decode()
    assert "<strong>stop writing to Zoom</strong>" in page


@pytest.mark.parametrize("way_back", ["/requests/", "https://elsewhere.example/", "//elsewhere.example", ""])
def test_what_is_not_carried_out_by_this_proof_is_not_named(client: Client, way_back: str) -> None:
    """Who is led here by another's link reads nothing about what they left an hour ago, and nothing of it is done."""
    client.post("/writing/stop/", {"reason": "x"})
    page = client.get(f"{PROVE}?{urlencode({'next': way_back})}").content.decode()
    assert "What you have entered is kept" not in page
    assert "stop writing" not in page
    answer = client.post(PROVE, {"password": cast.PASSWORD, "next": way_back})
    assert answer["Location"] == (way_back if way_back == "/requests/" else "/")


def test_of_what_one_may_not_know_nothing_is_told(
    signed_in: SignedIn, supervisor: User, staff: User, settings: Settings
) -> None:
    settings.REQUIRE_MFA = frozenset()
    client = aged(signed_in(supervisor), 901)
    for path in (f"/people/{staff.pk}/deactivate/", "/people/4711/deactivate/", "/webhooks/1/off/"):
        page = asked(client, path)
        assert "What you have entered is kept, and is carried out as soon as" in page
        assert "<strong>" not in page
        assert "Stella" not in page


def test_every_post_that_asks_for_a_proof_says_for_what() -> None:
    named = [
        one.name for one in urlpatterns if isinstance(one, URLPattern) and hasattr(one.callback, "doing")
    ]
    assert {"request_approve", "approvals_together", "webhook_secret", "person_reset_factors"} <= set(named)


def test_after_single_sign_on_it_is_named_once_more(client: Client) -> None:
    client.post("/writing/stop/", {"reason": "x"})
    page = aged(client, 1).get("/proof/").content.decode()
    assert "<strong>stop writing to Zoom</strong>" in page
