"""What the tests call the sandbox with: `requests`, a token, and paths below /v2."""

from typing import Any

import requests

from trunks.sandbox.estate import NORTHWIND, DemoCredential
from trunks.sandbox.records import App
from trunks.sandbox.server import Sandbox

SECONDS = 30


def ask_token(sandbox: Sandbox, known: DemoCredential | App, **changes: Any) -> requests.Response:
    """Ask for a token; `changes` replace parts of the request."""
    data = {"grant_type": "account_credentials", "account_id": known.account_id}
    options: dict[str, Any] = {"data": data, "auth": (known.client_id, known.client_secret)}
    return requests.post(sandbox.oauth_url, timeout=SECONDS, **(options | changes))


class Caller:
    """A session with a token."""

    def __init__(self, sandbox: Sandbox, known: DemoCredential | App = NORTHWIND) -> None:
        """Get a token and keep it."""
        self.sandbox = sandbox
        self.known = known
        self.session = requests.Session()
        self.renew()

    def renew(self) -> str:
        """Get another token, return it."""
        token: str = ask_token(self.sandbox, self.known).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        return token

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call a path below /v2."""
        options.setdefault("timeout", SECONDS)
        return self.session.request(method, self.sandbox.api_url + path, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """Read."""
        return self.call("GET", path, **options)

    def assign(self, account_id: str, *trunks: tuple[str, str], **options: Any) -> requests.Response:
        """Assign (trunk id, dnis) pairs to a sub account."""
        body = {"sip_trunks": [{"id": trunk, "dnis": dnis} for trunk, dnis in trunks]}
        return self.call("POST", f"/accounts/{account_id}/sip_trunk/trunks", json=body, **options)

    def listed(self, account_id: str) -> list[dict[str, str]]:
        """Return what the trunk list shows."""
        rows: list[dict[str, str]] = self.get(f"/accounts/{account_id}/sip_trunk/trunks").json()["sip_trunks"]
        return rows

    def close(self) -> None:
        """Give the connections back."""
        self.session.close()


def control(sandbox: Sandbox, method: str, name: str, **options: Any) -> requests.Response:
    """Call a control endpoint."""
    return requests.request(method, f"{sandbox.url}/_sandbox/{name}", timeout=SECONDS, **options)


def account_named(sandbox: Sandbox, name: str) -> str:
    """Return the id of the account with this name."""
    return next(account.id for account in sandbox.estate.accounts.values() if account.name == name)
