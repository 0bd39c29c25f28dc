"""One identity provider for all tests of signing in through it."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests import identity_provider
from tests.portal.provider import PEOPLE


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    known = [{"sub": sub} | claims for sub, claims in PEOPLE.items()]
    with identity_provider.running(tmp_path_factory.mktemp("idp"), *known) as address:
        yield address


@pytest.fixture
def single_sign_on(issuer: str, settings: Settings) -> None:
    """Have the portal offer the provider."""
    app = {
        "provider_id": "sso",
        "name": "Northwind ID",
        "client_id": "portal",
        "secret": "not-a-secret",
        "settings": {"server_url": issuer},
    }
    settings.OIDC_ISSUER = issuer
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
