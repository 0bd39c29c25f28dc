"""Audit events as a SIEM reads them: one line of JSON in a class of the Open Cybersecurity Schema Framework (1.3.0).

What a class has no place for stands under `unmapped`, with the very text that was hashed, so that
the lines of a SIEM can be checked as an export is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trunks.actions import Action, Outcome
from trunks.receivers import Line

VERSION = "1.3.0"
PRODUCT = "SIP trunk portal"
OTHER = 99
# The classes, by their uid, with the names of the activities that are used; other ones are 99 and have our own name.
ACCOUNT_CHANGE, AUTHENTICATION, ENTITY, ACCESS, API = 3001, 3002, 3004, 3005, 6003
ACTIVITIES = {
    ACCOUNT_CHANGE: {
        1: "Create",
        2: "Enable",
        3: "Password Change",
        4: "Password Reset",
        5: "Disable",
        6: "Delete",
        10: "MFA Factor Enable",
        11: "MFA Factor Disable",
    },
    AUTHENTICATION: {1: "Logon", 2: "Logoff"},
    ENTITY: {1: "Create", 2: "Read", 3: "Update", 4: "Delete", 8: "Enable", 9: "Disable"},
    ACCESS: {1: "Assign Privileges", 2: "Revoke Privileges"},
    API: {1: "Create", 2: "Read", 3: "Update", 4: "Delete"},
}
# The class of an action is that of its family, the word before the dot.
FAMILIES = {
    **dict.fromkeys(("request", "policy", "webhook", "master", "view", "writing", "circuit"), ENTITY),
    **dict.fromkeys(
        ("notice", "digest", "trail", "evidence", "verification", "audit", "archive", "review", "keys"),
        ENTITY,
    ),
    **dict.fromkeys(("provisioning", "sync"), API),
    **dict.fromkeys(("address", "access", "file", "delegation", "import"), ENTITY),
    **dict.fromkeys(("person", "invitation", "factor", "password"), ACCOUNT_CHANGE),
    "session": AUTHENTICATION,
    "role": ACCESS,
}
# What an action does in terms of its class, where the class has a word for it.
KNOWN = {
    Action.REQUEST_FILED: 1,
    Action.REQUEST_AMENDED: 3,
    Action.REQUEST_WITHDRAWN: 3,
    Action.REQUEST_APPROVED: 3,
    Action.REQUEST_DENIED: 3,
    Action.REQUEST_SENT_BACK: 3,
    Action.REQUEST_EXPIRED: 3,
    Action.PROVISIONING_INTENDED: 3,
    Action.PROVISIONING_ANSWERED: 3,
    Action.SYNC_FINISHED: 2,
    Action.SYNC_FAILED: 2,
    Action.WRITING_STOPPED: 9,
    Action.WRITING_STARTED: 8,
    Action.CIRCUIT_OPENED: 9,
    Action.CIRCUIT_CLOSED: 8,
    Action.TRAIL_EXPORTED: 2,
    Action.EVIDENCE_EXPORTED: 2,
    Action.ADDRESS_READ: 2,
    Action.FILE_READY: 1,
    Action.FILE_TAKEN: 2,
    Action.FILE_REMOVED: 4,
    Action.FILE_LET_GO: 4,
    Action.DELEGATION_MADE: 1,
    Action.DELEGATION_ENDED: 9,
    Action.DIGEST_MADE: 1,
    Action.DIGEST_SENT: 2,
    Action.ARCHIVE_MADE: 1,
    Action.REVIEW_DRAWN: 1,
    Action.REVIEW_SIGNED_OFF: 3,
    Action.WEBHOOK_ADDED: 1,
    Action.WEBHOOK_SWITCHED_ON: 8,
    Action.WEBHOOK_SWITCHED_OFF: 9,
    Action.WEBHOOK_DISABLED: 9,
    Action.WEBHOOK_SECRET_RENEWED: 3,
    Action.MASTER_CONNECTED: 1,
    Action.MASTER_NOT_CONNECTED: 1,
    Action.MASTER_CREDENTIALS_CHANGED: 3,
    Action.POLICY_CHANGED: 3,
    Action.VIEW_SAVED: 1,
    Action.VIEW_REMOVED: 4,
    Action.KEYS_ROTATED: 3,
    Action.ROLE_GRANTED: 1,
    Action.ROLE_REVOKED: 2,
    Action.PERSON_INVITED: 1,
    Action.PERSON_REACTIVATED: 2,
    Action.PERSON_DEACTIVATED: 5,
    Action.PASSWORD_CHANGED: 3,
    Action.PASSWORD_RESET_ASKED: 4,
    Action.PASSWORD_RESET: 4,
    Action.FACTOR_ADDED: 10,
    Action.FACTOR_REMOVED: 11,
    Action.SECOND_FACTORS_RESET: 11,
    Action.SIGNED_IN: 1,
    Action.SIGN_IN_FAILED: 1,
    Action.TRIES_HELD_BACK: 1,
    Action.SIGNED_OUT: 2,
    Action.SESSIONS_ENDED: 2,
    Action.OTHER_SESSIONS_ENDED: 2,
}
# A wrong second factor is a sign-in that failed, whatever family its name is of.
APART = {Action.FACTOR_FAILED: (AUTHENTICATION, 1)}
_STATUS = {Outcome.DONE: (1, "Success"), Outcome.REFUSED: (2, "Failure"), Outcome.FAILED: (2, "Failure")}
_INFORMATIONAL, _LOW, _MEDIUM = 1, 2, 3
_SEVERITY = {Outcome.DONE: _INFORMATIONAL, Outcome.REFUSED: _MEDIUM}


def kind_of(action: str) -> tuple[int, int]:
    """Return class and activity of an action; of one that is no longer in the list, the widest."""
    if action not in Action:
        return ENTITY, OTHER
    known = Action(action)
    # A family that somebody forgot above must not stop the stream.
    family = FAMILIES.get(action.partition(".")[0], ENTITY)
    return APART.get(known) or (family, KNOWN.get(known, OTHER))


def line(row: Mapping[str, Any]) -> Line:
    """Return an event, given as an export gives it, as one line: ASCII only, every control character escaped."""
    event = event_of(row)
    metadata = event["metadata"] | {"is_truncated": True}
    short = {name: value for name, value in event.items() if name != "unmapped"} | {"metadata": metadata}
    amiss = row["outcome"] != Outcome.DONE
    return Line(datetime.fromisoformat(row["at"]), row["action"], amiss, _json(event), _json(short))


def event_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event as OCSF has it."""
    kind, activity = kind_of(row["action"])
    outcome = row["outcome"]  # whoever may add rows by another way can write any word there
    deed = Action(row["action"]).sentence if row["action"] in Action else row["action"]
    status_id, status = _STATUS.get(outcome, (0, "Unknown"))
    moment = datetime.fromisoformat(row["at"])
    common = {
        "category_uid": kind // 1000,
        "class_uid": kind,
        "activity_id": activity,
        "activity_name": ACTIVITIES[kind].get(activity, row["action"]),
        "type_uid": kind * 100 + activity,
        "time": int(moment.timestamp() * 1000),
        "severity_id": _SEVERITY.get(outcome, _LOW),
        "status_id": status_id,
        "status": status,
        "status_detail": outcome,
        "message": f"{row['actor_name']} {deed}: {row['object_label']}",
        "metadata": _metadata(row),
        "actor": _actor(row),
        "src_endpoint": {"ip": row["ip"]} if row["ip"] else {"name": PRODUCT},
    }
    request = {"http_request": {"user_agent": row["user_agent"]}} if row["user_agent"] else {}
    return common | request | _about(kind, row) | {"unmapped": dict(row)}


def _metadata(row: Mapping[str, Any]) -> dict[str, Any]:
    product = {"name": PRODUCT, "vendor_name": PRODUCT, "version": row["portal_version"]}
    return {
        "version": VERSION,
        "product": product,
        "log_name": "audit",
        "event_code": row["action"],
        "uid": row["hash"],
        "sequence": row["id"],
        "correlation_uid": row["request_id"],
    }


def _actor(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["actor_id"] is None:
        return {"app_name": row["actor_name"]}
    return {
        "user": {
            "uid": str(row["actor_id"]),
            "name": row["actor_name"],
            "email_addr": row["actor_email"],
        }
    }


def _about(kind: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what only events of one class say: whom or what they are about."""
    thing = {"uid": row["object_id"], "name": row["object_label"], "type": row["object_type"]}
    if kind == ENTITY:
        return {"entity": thing}
    if kind == API:
        return {
            "api": {"operation": row["action"], "request": {"uid": row["tracking_id"]}},
            "resources": [thing],
        }
    person = {"user": {name: thing[name] for name in ("uid", "name")}}
    return person | ({"privileges": [row["object_label"]]} if kind == ACCESS else {})


def _json(value: object) -> str:
    # DEL is the one control character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("\x7f", "\\u007f")
