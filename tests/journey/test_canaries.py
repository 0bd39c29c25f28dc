"""Planted secrets, real processes, things going wrong: afterwards every place that keeps or shows text is searched."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis
import requests
from cryptography.fernet import Fernet

from tests.cast import PASSWORD
from tests.journey import stack
from tests.journey.stack import Stack
from tests.processes import NotReadyError, wait_until
from trunks.sandbox.estate import NORTHWIND

PLANTED = {
    "SECRET_KEY": "canary-of-the-signing-key-" + "k" * 40,
    "METRICS_TOKEN": "canary-of-the-metrics-token",
    "EMAIL_URL": "smtp://portal:canary-of-the-mail-server@127.0.0.1:9",
    "DEMO_PASSWORD": PASSWORD,
}
WRONG = {"password": "canary-of-a-wrong-password", "secret": "canary-of-a-wrong-client-secret"}


class Visitor:
    """A browser without a screen that keeps everything it was answered."""

    def __init__(self, portal: Stack, seen: list[str]) -> None:
        self.portal, self.seen = portal, seen
        self.session = requests.Session()

    def get(self, path: str) -> str:
        return self._keep(self.session.get(self.portal.url + path, timeout=60))

    def post(self, path: str, **fields: str) -> str:
        csrf = self.session.cookies.get("csrf", "")
        data = {"csrfmiddlewaretoken": csrf, **fields}
        return self._keep(self.session.post(self.portal.url + path, data=data, timeout=60))

    def sign_in(self, who: str, password: str = PASSWORD) -> Visitor:
        self.get("/accounts/login/")
        self.post("/accounts/login/", login=f"{who}@example.com", password=password)
        return self

    def _keep(self, answer: requests.Response) -> str:
        self.seen.append(f"{answer.status_code} {answer.url} {answer.headers} {answer.text}")
        return answer.text


def test_no_planted_secret_is_found_anywhere_afterwards(tmp_path: Path) -> None:
    seen: list[str] = []
    with stack.running(stack.SERVERS, tmp_path, **PLANTED) as portal:
        _connect_wrongly_and_rightly(Visitor(portal, seen))
        staff = Visitor(portal, seen).sign_in("staff", WRONG["password"]).sign_in("staff")
        _fail_on_purpose(portal, staff)
        path = _carry_out_with_a_worker_that_fails(portal, staff, Visitor(portal, seen).sign_in("supervisor"))
        manager = Visitor(portal, seen).sign_in("manager")
        for page in ("/", "/audit/", path, f"{path}attempts/", "/masters/", "/metrics", "/no-such-page/"):
            manager.get(page)
        places = {
            "what browsers were answered": "\n".join(seen),
            "the logs": portal.logs(),
            "the process list": _command_lines(portal),
            "the database": _rows(portal),
            "Redis": _keys(portal),
        }
        canaries = _canaries(portal)
    assert "Something went wrong in the portal" in places["what browsers were answered"]
    assert "UndefinedTable" in places["the logs"]
    assert _is_in(NORTHWIND.client_id, places["the database"])  # what is no secret is found
    found = {
        (place, name) for place, text in places.items() for name in canaries if _is_in(canaries[name], text)
    }
    assert found == set()


def _connect_wrongly_and_rightly(admin: Visitor) -> None:
    admin.sign_in("admin")
    form = {"name": NORTHWIND.name, "account_id": NORTHWIND.account_id, "client_id": NORTHWIND.client_id}
    form["rate_plan"] = "pro"
    for secret in (WRONG["secret"], NORTHWIND.client_secret):
        admin.get("/masters/connect/")
        answer = admin.post("/masters/connect/", client_secret=secret, **form)
    assert f"{NORTHWIND.name} is connected." in answer
    try:
        wait_until(lambda: "Adatum Logistics" in admin.get("/sub-accounts/"), "the estate is read", 60)
    except NotReadyError as error:
        error.add_note(admin.get("/masters/"))
        raise


def _fail_on_purpose(portal: Stack, visitor: Visitor) -> None:
    """Have a page fail within the portal, with a secret of somebody's in the form that was sent."""
    with _without_table(portal, "trunks_subaccount"):
        visitor.get("/sub-accounts/")
        visitor.post("/requests/new/", reason="x", sub_account="1", password=WRONG["password"])


def _carry_out_with_a_worker_that_fails(portal: Stack, staff: Visitor, supervisor: Visitor) -> str:
    """File and approve; the worker loses a table in the middle of it, and carries the request out once it is back."""
    form = staff.get("/requests/new/")
    sub_account = _option(form, "Adatum Logistics")
    trunk = _first_trunk(staff.get(f"/requests/new/?sub_account={sub_account}"))
    lines = {"lines-TOTAL_FORMS": "1", "lines-INITIAL_FORMS": "0", "lines-0-trunk": trunk}
    lines |= {"lines-0-dnis": "18888777", "kind": "assign", "reason": "New customer"}
    page = staff.post("/requests/new/", sub_account=sub_account, **lines)
    path = f"/requests/{_found(r'TR-[0-9]{6}', page)}/"
    version = _found(r'name="version" value="([0-9]+)"', supervisor.get(path))
    with _without_table(portal, "trunks_attempt"):
        supervisor.post(f"{path}approve/", version=version, comment="")
        wait_until(lambda: "trunks_attempt" in portal.logs(), "the worker has failed")
    wait_until(lambda: 'data-state="done"' in supervisor.get(path), "the request is done", 90)
    return path


def _option(page: str, text: str) -> str:
    return _found(rf'<option value="([0-9]+)"[^>]*>\s*{re.escape(text)}', page)


def _first_trunk(page: str) -> str:
    chooser = _found(r'(?s)<select name="lines-0-trunk".*?</select>', page)
    return _found(r'<option value="([0-9]+)"', chooser)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, pattern
    return match[match.re.groups]


@contextmanager
def _without_table(portal: Stack, table: str) -> Iterator[None]:
    with psycopg.connect(portal.environment["DATABASE_URL"], autocommit=True) as database:
        database.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
        yield
        database.execute(f"ALTER TABLE {table}_gone RENAME TO {table}")


def _canaries(portal: Stack) -> dict[str, str]:
    """Return each secret by its name, the access token that Zoom's stand-in gave out included."""
    with psycopg.connect(portal.environment["DATABASE_URL"]) as database:
        row = database.execute("SELECT value FROM trunks_zoomtoken").fetchone()
    assert row
    token = Fernet(portal.environment["FIELD_ENCRYPTION_KEYS"]).decrypt(row[0].encode()).decode()
    basic = base64.b64encode(f"{NORTHWIND.client_id}:{NORTHWIND.client_secret}".encode()).decode()
    return {
        **{name: value for name, value in PLANTED.items() if name != "EMAIL_URL"},
        "mail server": "canary-of-the-mail-server",
        "wrong password": WRONG["password"],
        "wrong client secret": WRONG["secret"],
        "client secret": NORTHWIND.client_secret,
        "Authorization header": basic,
        "access token": token,
        "encryption key": portal.environment["FIELD_ENCRYPTION_KEYS"],
    }


def _is_in(canary: str, text: str) -> bool:
    encoded = base64.b64encode(canary.encode()).decode()
    return any(form in text for form in (canary, quote(canary, safe=""), encoded))


def _command_lines(portal: Stack) -> str:
    """Return the command lines of the portal's processes and of their children, as anybody on the machine sees them."""
    ours = {process.pid for name, process in portal.processes.items() if name != "sandbox"}
    lines = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if int(folder.name) in ours or parent in ours:
                lines.append((folder / "cmdline").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue
    assert len(lines) >= len(ours)
    return "\n".join(lines)


def _rows(portal: Stack) -> str:
    """Return every row of every table as text."""
    with psycopg.connect(portal.environment["DATABASE_URL"]) as database:
        tables = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [row for (table,) in tables for row in database.execute(f'SELECT t::text FROM "{table}" t')]
    assert len(rows) > 100
    return "\n".join(text for (text,) in rows)


def _keys(portal: Stack) -> str:
    with redis.Redis.from_url(portal.environment["REDIS_URL"]) as server:
        kept = [key + b" " + (server.dump(key) or b"") for key in server.scan_iter(count=1000)]
    return b"\n".join(kept).decode(errors="replace")
