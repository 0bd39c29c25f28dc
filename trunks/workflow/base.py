"""The base of a request: what Zoom had for its DNIS and trunks when it was filed, and whether that still holds.

The base is kept with each version of the content. It is made of the estate, as every list that is read from Zoom
brings that up to date; so the page, the verb and a worker see the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db.models import F, Q
from django.utils.dateparse import parse_datetime

from trunks import numbers
from trunks.compiled import Param, Rows, Values, named, several
from trunks.models import Kind, Line, ListedTrunk, MasterTrunk, Revision, SubAccount, TrunkRequest
from trunks.workflow.content import digest_of, lines_at_hand
from trunks.workflow.drafts import LineDraft

NOBODY = "Nobody has it."
NOT_READ = "Not known: Zoom had not been read."
Asked = Sequence[Line] | Sequence[LineDraft]


@dataclass(frozen=True)
class Base:
    """What Zoom had, as JSON that is kept, when that was read, and the digest that decisions name.

    The time is no part of the digest: reading the same once more changes nothing that somebody has seen.
    """

    facts: dict[str, Any]
    read_at: datetime | None
    # Whether somebody took it in after the request was filed.
    validated: bool = False

    @property
    def digest(self) -> str:
        return digest_of(self.facts)

    @property
    def known(self) -> bool:
        return bool(self.facts) and self.read_at is not None

    @property
    def when(self) -> str:
        return "when validated" if self.validated else "when requested"

    def kept(self) -> dict[str, Any]:
        """Return the base in the form that revisions and audit events keep."""
        mark = {"validated": True} if self.validated else {}
        return {"read_at": self.read_at and self.read_at.isoformat(), **mark, **self.facts}

    @classmethod
    def of_kept(cls, kept: dict[str, Any]) -> Base:
        read_at = parse_datetime(kept.get("read_at") or "")
        facts = {name: value for name, value in kept.items() if name not in ("read_at", "validated")}
        return cls(facts, read_at, bool(kept.get("validated")))


@dataclass(frozen=True)
class Compared:
    """One DNIS in words: when it was asked for, now, and once the request is carried out."""

    dnis: str
    then: str
    now: str
    after: str
    differs: bool


def present(account: SubAccount, lines: Asked) -> Base:
    """Return what Zoom has now for what `lines` are about, as far as it has been read; `account` is freshly loaded."""
    dnis = {number for line in lines for number in (line.dnis, line.current_dnis) if number}
    facts = {
        "numbers": dict.fromkeys(sorted(dnis)) | _rows(account, dnis),
        "trunks": {line.trunk.zoom_id: _trunk(line.trunk) for line in lines if line.trunk},
    }
    return Base(facts, account.trunks_read_at)


def asked_on(trunk_request: TrunkRequest) -> Base:
    """Return the base that was kept with the request's present content."""
    kept = _KEPT(trunk_request=trunk_request.pk, version=trunk_request.content_version)
    return Base.of_kept(kept[0][0] if kept else {})


_KEPT = Values(
    lambda: Revision.objects.filter(
        trunk_request=Param("trunk_request"), content_version=Param("version")
    ).values_list("base")
)


def changes(trunk_request: TrunkRequest) -> list[str]:
    """Return in sentences what has changed at Zoom, in what concerns the request, since its base was taken."""
    lines = lines_at_hand(trunk_request)
    then, now = asked_on(trunk_request), present(trunk_request.sub_account, lines)
    return differences(then, now, trunk_request.kind)


def differences(then: Base, now: Base, kind: str) -> list[str]:
    """Return in sentences how `now` differs from `then`; nothing while one of them is not known."""
    if not (then.known and now.known):
        return []
    found = [
        f"{dnis} {then.when}: {_words(then, dnis)} Now: {_words(now, dnis)}"
        for dnis in now.facts["numbers"]
        if _differs(then, now, dnis)
    ]
    return found if kind == Kind.UNASSIGN else found + list(_trunk_changes(then, now))


def compared(trunk_request: TrunkRequest, then: Base) -> list[Compared]:
    """Return each DNIS of the request as it was in `then`, is, and would be."""
    lines = lines_at_hand(trunk_request)
    now = present(trunk_request.sub_account, lines)
    after = _after(trunk_request, lines)
    return [
        Compared(dnis, _words(then, dnis), _words(now, dnis), words, _differs(then, now, dnis))
        for dnis, words in after.items()
    ]


def _rows(account: SubAccount, dnis: set[str]) -> dict[str, Any]:
    """Return who has each DNIS: of the sub account itself only what its last list showed, without waiting."""
    asked = named("dnis", sorted(dnis))
    rows = _listed(len(dnis))(account=account.pk, master=account.master_id, **asked) if dnis else []
    return {
        row.dnis: {
            "account": row.sub_account.zoom_id,
            "name": str(row.sub_account),
            "trunk": row.zoom_id,
            "through": row.sip_server_address,
            "caller_id": row.outbound_caller_id,
        }
        # The sub account's own row last, so that it is the one that is told of.
        for row in sorted(rows, key=lambda row: row.sub_account_id == account.pk)
    }


@cache
def _listed(count: int) -> Rows[ListedTrunk]:
    lately = Q(sub_account__trunks_read_at=None) | Q(last_seen_at__gte=F("sub_account__trunks_read_at"))
    return Rows(
        lambda: ListedTrunk.objects.filter(
            lately | ~Q(sub_account=Param("account")),
            master=Param("master"),
            dnis__in=several("dnis", count),
            gone_at=None,
        ).select_related("sub_account")
    )


def _trunk(trunk: MasterTrunk) -> dict[str, Any]:
    return {"name": str(trunk), "dnis": trunk.dnis, "gone": trunk.gone_at is not None}


def _differs(then: Base, now: Base, dnis: str) -> bool:
    if not (then.known and now.known):
        return False
    old, new = then.facts["numbers"].get(dnis), now.facts["numbers"].get(dnis)
    if not (old and new):
        return bool(old) != bool(new)
    if any(old[name] != new[name] for name in ("account", "trunk", "through")):
        return True
    # A list that shows no caller ID says nothing about it.
    shown = [one["caller_id"] for one in (old, new)]
    return None not in shown and len({numbers.caller_id_key(one) for one in shown}) == 2


def _trunk_changes(then: Base, now: Base) -> Iterable[str]:
    for zoom_id, new in now.facts["trunks"].items():
        old = then.facts["trunks"].get(zoom_id, new)
        if new["gone"] and not old["gone"]:
            yield f"The master trunk {new['name']} is no longer at Zoom."
        elif old["gone"] and not new["gone"]:
            yield f"The master trunk {new['name']} is at Zoom again."
        elif old["dnis"] != new["dnis"]:
            yield f"The master trunk {new['name']} has the DNIS {new['dnis']} now, not {old['dnis']}."


def _words(base: Base, dnis: str) -> str:
    if not base.known:
        return NOT_READ
    row = base.facts["numbers"].get(dnis)
    return _has(row["name"], row["caller_id"]) if row else NOBODY


def _has(name: str, caller_id: str | None) -> str:
    shown = "no caller ID shown" if caller_id is None else _caller_id(caller_id)
    return f"{name} has it, {shown}."


def _caller_id(caller_id: str) -> str:
    return f"caller ID {caller_id}" if caller_id else "no caller ID"


def _after(trunk_request: TrunkRequest, lines: Sequence[Line]) -> dict[str, str]:
    """Return for each DNIS what holds once all is done: what one line removes, another may assign again."""
    after = {line.current_dnis: NOBODY for line in lines if line.current_dnis}
    if trunk_request.kind == Kind.UNASSIGN:
        return after
    account = trunk_request.sub_account
    return after | {
        line.dnis: f"{account} has it, {_caller_id(line.outbound_caller_id)}, through {line.trunk}."
        for line in lines
    }
