"""Who is known to the identity provider of the tests, and coming in through it."""

from __future__ import annotations

from django.test import Client

from tests import identity_provider

PEOPLE: dict[str, dict[str, object]] = {
    "stella": {"email": "stella-staff@example.com", "email_verified": True},
    "sam": {"email": "Sam-Supervisor@example.com", "email_verified": True, "name": "Sam"},
    "unverified": {"email": "stella-staff@example.com", "email_verified": False},
    "new": {"email": "new@example.com", "email_verified": True, "name": "Nina New"},
    "grouped": {
        "email": "grouped@example.com",
        "email_verified": True,
        "groups": ["portal-staff", "all"],
    },
    "nameless": {},
}
LOGIN = "/accounts/oidc/sso/login/?process=login"


def enter(client: Client, sub: str, address: str = LOGIN) -> int:
    """Sign in at the provider as `sub` and come back; return the status of the page that one lands on."""
    away = client.post(address)
    assert away.status_code == 302
    back = identity_provider.come_back(away["Location"], sub)
    return client.get(back.partition("://testserver")[2], follow=True).status_code


def name_of(client: Client) -> str | None:
    user = client.get("/").wsgi_request.user
    return str(user) if user.is_authenticated else None
