"""allauth's pages write their titles, headings, buttons and labels as the portal does: in sentence case."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from django.test import Client

from tests.conftest import SignedIn
from trunks.models import User

# With the addresses for passkeys, which a portal that is reached by an IP address has not.
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.portal.test_passkeys")]

NAMES = {"SIP", "Zoom", "Northwind", "ID", "Stella", "Staff"}
WORDED = ("title", "h1", "h2", "button", "label", "th")


class Words(HTMLParser):
    """The words of a page's titles, headings, buttons and labels."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.within: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if tag in WORDED or (tag == "a" and "btn" in classes):
            self.within.append(tag)
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        if self.within and tag == self.within[-1]:
            self.within.pop()

    def handle_data(self, data: str) -> None:
        if self.within:
            self.found[-1] = " ".join(f"{self.found[-1]} {data}".split())


def in_title_case(page: str) -> list[str]:
    """Return what has a capital within it that belongs to no name."""
    found = []
    for words in Words(page).found:
        sentences = [part.split() for part in re.split(r"[:·.?] ", words)]
        inner = {word.strip("()") for sentence in sentences for word in sentence[1:]}
        if any(word[:1].isupper() for word in inner - NAMES):
            found.append(words)
    return found


def test_title_case_is_found() -> None:
    page = "<title>Error: Sign In · SIP trunk portal</title><h1>Sign in</h1><a class='btn'>Use Zoom</a>"
    assert in_title_case(page) == ["Error: Sign In · SIP trunk portal"]


@pytest.mark.parametrize(
    "path",
    [
        "login/",
        "password/reset/",
        "3rdparty/login/cancelled/",
        "3rdparty/login/error/",
        "inactive/",
        "signup/",
        "confirm-email/",
    ],
)
def test_before_signing_in(client: Client, path: str) -> None:
    page = client.get(f"/accounts/{path}").content.decode()
    assert "<h1" in page
    assert in_title_case(page) == []


def test_where_a_new_password_is_set(client: Client, staff: User) -> None:
    key = f"{user_pk_to_url_str(staff)}-{default_token_generator.make_token(staff)}"
    link = f"/accounts/password/reset/key/{key}/"
    page = client.get(link, follow=True).content.decode()
    assert "password2" in page
    assert in_title_case(page) == []


@pytest.mark.parametrize(
    "path",
    [
        "logout/",
        "password/change/",
        "reauthenticate/",
        "sessions/",
        "2fa/",
        "2fa/totp/activate/",
        "2fa/webauthn/",
        "2fa/webauthn/add/",
        "2fa/webauthn/keys/{key}/edit/",
        "2fa/webauthn/keys/{key}/remove/",
        "2fa/webauthn/reauthenticate/",
    ],
)
def test_of_who_is_signed_in(
    staff: User, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("allauth.mfa.webauthn.internal.auth.get_credentials", lambda _: [])
    client = signed_in(staff)
    data = {"name": "Old phone", "credential": {}}
    key = Authenticator.objects.create(user=staff, type=Authenticator.Type.WEBAUTHN, data=data)
    page = client.get(f"/accounts/{path.format(key=key.pk)}").content.decode()
    assert "<h1" in page
    assert in_title_case(page) == []


def test_who_has_come_by_single_sign_on_only_sets_a_first_password(staff: User, signed_in: SignedIn) -> None:
    client = signed_in(staff)
    staff.set_unusable_password()
    staff.save()
    client.force_login(staff)
    page = client.get("/accounts/password/set/").content.decode()
    assert "password2" in page
    assert in_title_case(page) == []


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/password/reset/"])
def test_the_pages_before_signing_in_spell_as_the_portal_does_and_say_no_label_twice(
    client: Client, path: str
) -> None:
    refused = client.post(path, {"login": "nobody@example.com", "password": "wrong", "email": "no"})
    for page in (client.get(path).content.decode(), refused.content.decode()):
        assert "E-mail address" in page
        assert not re.search(r"\bemail address|>\s*Email\b|placeholder", page)
