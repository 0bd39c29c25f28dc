"""The front page: says that this is not Zoom, and shows what is in it."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from trunks.sandbox.exchange import Answer
from trunks.sandbox.operations.sip_trunks import trunks_of

if TYPE_CHECKING:
    from trunks.sandbox.server import Sandbox

_LAST_CALLS = 50
_MOST_ACCOUNTS = 500
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "color-scheme:light dark}table{border-collapse:collapse;width:100%;margin-bottom:2rem}"
    "th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #8886}"
    "div{overflow-x:auto}code{overflow-wrap:anywhere}"
)


def front_page(sandbox: "Sandbox") -> Answer:
    """Return the page; nothing in it runs, and every text from outside is escaped."""
    parts = [
        "<h1>Zoom sandbox</h1>",
        "<p><strong>This is not Zoom.</strong> It is the sandbox of the SIP trunk portal: a stand-in for "
        "Zoom's API, for the demo, tests and training. No trunk assigned here exists anywhere else, and the "
        "credentials below are worth nothing elsewhere.</p>",
        f"<p>API <code>{escape(sandbox.api_url)}</code>, tokens <code>{escape(sandbox.oauth_url)}</code></p>",
        _credentials(sandbox),
        _switches(sandbox),
        _faults(sandbox),
        _calls(sandbox),
        _accounts(sandbox),
    ]
    html = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Zoom sandbox</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>"
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
    return Answer(200, html.encode(), headers, "text/html;charset=UTF-8")


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<h2>{escape(caption)}</h2><div>{table}</div>"


def _credentials(sandbox: "Sandbox") -> str:
    heads = ["Name", "Account id", "Client id", "Client secret", "What it is for"]
    return _table("Credentials", heads, sandbox.demo_credentials)


def _switches(sandbox: "Sandbox") -> str:
    return _table("Switches", ["Switch", "Setting"], sandbox.world.switches.as_dict().items())


def _faults(sandbox: "Sandbox") -> str:
    rows = [
        (
            fault.id,
            fault.kind,
            fault.method or "any",
            fault.path or "any",
            fault.apply,
            f"{fault.fired} of {_times(fault.times)}",
        )
        for fault in sandbox.faults.list()
    ]
    return _table("Faults", ["Id", "Kind", "Method", "Path", "Takes effect", "Happened"], rows)


def _times(times: int) -> str:
    return str(times) if times else "any number"


def _calls(sandbox: "Sandbox") -> str:
    rows = [
        (
            entry.time,
            entry.method,
            entry.path,
            _status(entry.status),
            entry.applied,
            entry.fault,
            entry.tracking_id,
        )
        for entry in reversed(sandbox.calls[-_LAST_CALLS:])
    ]
    return _table("Last calls", ["Time", "Method", "Path", "Status", "Applied", "Fault", "Tracking id"], rows)


def _status(status: int | None) -> str:
    return {None: "under way", 0: "no answer"}.get(status, str(status))


def _accounts(sandbox: "Sandbox") -> str:
    with sandbox.world.lock:
        accounts = list(sandbox.world.estate.accounts.values())
    rows = [
        (
            account.name,
            account.id,
            "master" if account.is_master else "sub account" if account.master_id else "neither",
            ", ".join(f"{trunk.id}: {trunk.dnis}" for trunk in trunks_of(account)),
        )
        for account in accounts[:_MOST_ACCOUNTS]
    ]
    return _table(f"Accounts ({len(accounts)})", ["Name", "Id", "Kind", "SIP trunks (id: DNIS)"], rows)
