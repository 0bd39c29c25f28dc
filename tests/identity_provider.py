"""A real OpenID Connect provider of somebody else's making, as a process, and people who sign in there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.processes import PYTHON, free_port, start


@contextmanager
def running(folder: Path, *people: dict[str, Any]) -> Iterator[str]:
    """Give the issuer's address; it knows `people` by their claims, `sub` among them."""
    port = free_port()
    command = [PYTHON, "-m", "oidc_provider_mock", "--port", str(port)]
    for claims in people:
        command += ["--user-claims", json.dumps(claims)]
    issuer = f"http://127.0.0.1:{port}"
    address = f"{issuer}/.well-known/openid-configuration"
    process = start(command, log=folder / "identity-provider.log", environment={})
    try:
        process.wait_for_http(address)
        yield issuer
    finally:
        process.stop()


def come_back(authorization: str, sub: str) -> str:
    """Sign in at the provider as `sub`, at the address that the portal sent the browser to; return the way back."""
    answer = requests.post(authorization, data={"sub": sub}, allow_redirects=False, timeout=60)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]
