"""How allauth is told of the one identity provider that the environment names."""

from typing import Any
from urllib.parse import urlsplit


def providers(
    issuer: str, provider: str, name: str, client_id: str, secret: str
) -> dict[str, dict[str, Any]]:
    """Return allauth's setting; without an issuer there is no provider, and the sign-in page offers none."""
    app = {
        "provider_id": provider,
        "name": name,
        "client_id": client_id,
        "secret": secret,
        "settings": {"server_url": issuer},
    }
    return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app] if issuer else []}}


def origin(address: str) -> str:
    """Return the part of an address that a content security policy names."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
