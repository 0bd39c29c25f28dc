"""The control endpoints under `/_sandbox/`: switches, faults, journal, state, and changes behind the API."""

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from trunks.sandbox import auth, console, faults, journal
from trunks.sandbox.errors import Refusal
from trunks.sandbox.exchange import Answer, Call, json_answer
from trunks.sandbox.page import front_page
from trunks.sandbox.records import Estate

if TYPE_CHECKING:
    from trunks.sandbox.server import Sandbox

PREFIX = "/_sandbox/"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
Action = Callable[["Sandbox", Call], Any]


def answer(sandbox: "Sandbox", call: Call) -> Answer:
    """Answer the front page or a control endpoint."""
    try:
        _guard(call)
        if call.path == "/" and call.method == "GET":
            return front_page(sandbox)
        name = call.path.removeprefix(PREFIX)
        action = _ACTIONS.get((call.method, name))
        if action is None:
            allowed = [method for method, known in _ACTIONS if known == name]
            return json_answer(405 if allowed else 404, {"error": f"no {call.method} {call.path}"})
        return json_answer(200, action(sandbox, call))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, re.error) as error:
        return json_answer(400, {"error": str(error)})
    except OSError as error:
        return json_answer(500, {"error": f"The state cannot be written: {error}"})
    except Refusal as refused:
        return json_answer(refused.status, {"error": refused.body.get("message", "")})


def _guard(call: Call) -> None:
    # A web page opened on the same machine can send requests here: by a name that resolves to 127.0.0.1, or
    # as a form without a JSON content type.
    host = urlsplit(f"//{call.headers.get('host', '')}").hostname
    if host not in _LOOPBACK:
        raise ValueError("the sandbox is addressed as 127.0.0.1 or localhost")
    if call.method in {"POST", "PUT"} and call.content_type != "application/json":
        raise ValueError("send application/json")


def _get_switches(sandbox: "Sandbox", call: Call) -> dict[str, str]:
    return sandbox.world.switches.as_dict()


def _put_switches(sandbox: "Sandbox", call: Call) -> dict[str, str]:
    sandbox.world.switches.set_all({name: str(value) for name, value in call.json().items()})
    return _get_switches(sandbox, call)


def _get_faults(sandbox: "Sandbox", call: Call) -> list[dict[str, Any]]:
    return [fault.as_dict() for fault in sandbox.faults.list()]


def _post_fault(sandbox: "Sandbox", call: Call) -> dict[str, Any]:
    return sandbox.faults.add(faults.build(call.json())).as_dict()


def _delete_faults(sandbox: "Sandbox", call: Call) -> dict[str, int]:
    one = call.query.get("id")
    return {"removed": sandbox.faults.remove(int(one) if one else None)}


def _release(sandbox: "Sandbox", call: Call) -> dict[str, bool]:
    sandbox.pauses.release()
    return {"released": True}


def _get_calls(sandbox: "Sandbox", call: Call) -> dict[str, Any]:
    entries = sandbox.journal.matching(call.query.get("method", ""), call.query.get("path", ""))
    since = int(call.query.get("since", "0"))
    chosen = [journal.as_dict(entry) for entry in entries if entry.number > since]
    return {"applied": sum(entry["applied"] for entry in chosen), "calls": chosen}


def _delete_calls(sandbox: "Sandbox", call: Call) -> dict[str, bool]:
    sandbox.journal.clear()
    return {"cleared": True}


def _get_state(sandbox: "Sandbox", call: Call) -> dict[str, Any]:
    world = sandbox.world
    with world.lock:
        accounts = [
            {
                "id": account.id,
                "name": account.name,
                "master_id": account.master_id,
                "is_master": account.is_master,
                "sip_plan": account.sip_plan,
                "trunks": [asdict(trunk) for trunk in account.trunks],
                "assigned": [asdict(trunk) for trunk in account.assigned],
            }
            for account in world.estate.accounts.values()
        ]
        counts = [
            {"account_id": key[0], "trunk_id": key[1], "dnis": key[2], "count": count}
            for key, count in world.applications.items()
        ]
    return {"accounts": accounts, "applications": counts}


def _reset(sandbox: "Sandbox", call: Call) -> dict[str, bool]:
    sandbox.reset()
    return {"reset": True}


def _estate(sandbox: "Sandbox", call: Call) -> dict[str, int]:
    body = call.json()
    console.put_estate(sandbox.world, Estate.from_dict(body), merge=body.get("mode") == "merge")
    return {"accounts": len(sandbox.world.estate.accounts)}


def _console(sandbox: "Sandbox", call: Call) -> Any:
    return console.act(sandbox.world, call.json())


def _clock(sandbox: "Sandbox", call: Call) -> dict[str, str]:
    sandbox.advance(float(call.json()["advance"]))
    return {"now": sandbox.world.clock.now().isoformat()}


def _delete_tokens(sandbox: "Sandbox", call: Call) -> dict[str, bool]:
    auth.revoke(sandbox.world)
    return {"revoked": True}


def _webhook(sandbox: "Sandbox", call: Call) -> dict[str, Any]:
    """Take what a webhook of the portal delivers, as any receiver would; nothing comes of it."""
    return {"received": call.json().get("type")}


_ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "switches"): _get_switches,
    ("PUT", "switches"): _put_switches,
    ("GET", "faults"): _get_faults,
    ("POST", "faults"): _post_fault,
    ("DELETE", "faults"): _delete_faults,
    ("POST", "release"): _release,
    ("GET", "calls"): _get_calls,
    ("DELETE", "calls"): _delete_calls,
    ("GET", "state"): _get_state,
    ("POST", "reset"): _reset,
    ("POST", "estate"): _estate,
    ("POST", "console"): _console,
    ("POST", "clock"): _clock,
    ("DELETE", "tokens"): _delete_tokens,
    ("POST", "webhook"): _webhook,
}


def is_control(path: str) -> bool:
    """Return whether a path is the sandbox's own, not Zoom's."""
    return path == "/" or path.startswith(PREFIX)
