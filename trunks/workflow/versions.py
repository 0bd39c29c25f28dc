"""The versions of a request's content, and what differs between two of them in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone

from trunks.models import Kind, MasterTrunk, Revision, SubAccount, TrunkRequest

Names = Mapping[str, str]


class Change(NamedTuple):
    """One thing that differs, before and after; None where it was not there."""

    name: str
    before: str | None
    after: str | None


def of(trunk_request: TrunkRequest) -> list[Revision]:
    """Return every version, oldest first, with who made it."""
    return list(trunk_request.revisions.select_related("author").order_by("content_version"))


def changes(old: Revision, new: Revision) -> list[Change]:
    """Return what `new` has otherwise than `old`, an earlier version of the same request; lines by their DNIS."""
    return [*_facts(old, new), *_lines(old.content, new.content, _trunks(old, new))]


def _facts(old: Revision, new: Revision) -> Iterator[Change]:
    was, now = old.content, new.content
    if was["sub_account"] != now["sub_account"]:
        accounts = _accounts(was, now)
        yield Change("Sub account", accounts[was["sub_account"]], accounts[now["sub_account"]])
    pairs = [
        ("Kind", Kind(was["kind"]).label, Kind(now["kind"]).label),
        ("Not before", _moment(was), _moment(now)),
    ]
    # A version from before they were kept has no reason, which every request has: nothing can be said of it then.
    if old.reason and new.reason:
        pairs += [("Reason", old.reason, new.reason), ("Ticket", old.ticket, new.ticket)]
    for name, before, after in pairs:
        if before != after:
            yield Change(name, str(before) or None, str(after) or None)


def _lines(was: Mapping[str, Any], now: Mapping[str, Any], trunks: Names) -> Iterator[Change]:
    before = {_key(line): _words(was["kind"], line, trunks) for line in was["lines"]}
    after = {_key(line): _words(now["kind"], line, trunks) for line in now["lines"]}
    for dnis, words in before.items():
        if dnis not in after:
            yield Change(f"Line {dnis} (removed)", words, None)
        elif words != after[dnis]:
            yield Change(f"Line {dnis}", words, after[dnis])
    for dnis, words in after.items():
        if dnis not in before:
            yield Change(f"Line {dnis} (added)", None, words)
    first, then = [one for one in before if one in after], [one for one in after if one in before]
    if first != then:
        yield Change("Order of the lines", ", ".join(first), ", ".join(then))


def _key(line: Mapping[str, str]) -> str:
    """Return the DNIS by which people know the line: the present one where it is about that."""
    return line.get("current_dnis") or line["dnis"]


def _words(kind: str, line: Mapping[str, str], trunks: Names) -> str:
    trunk = trunks.get(line["trunk"], line["trunk"])
    if kind == Kind.UNASSIGN:
        return f"taken away from {trunk}"
    caller_id = line["outbound_caller_id"]
    told = f"through {trunk}, {f'caller ID {caller_id}' if caller_id else 'no caller ID'}"
    return f"becomes {line['dnis']}, {told}" if kind == Kind.CHANGE else told


def _moment(content: Mapping[str, Any]) -> str:
    if not content.get("not_before"):
        return ""
    local = timezone.localtime(datetime.fromisoformat(content["not_before"]))
    return f"{local.day} {local:%b %Y, %H:%M} {local.tzname()}"


def _trunks(old: Revision, new: Revision) -> Names:
    """Return the names of the trunks that the versions speak of, by Zoom's id."""
    ids = {line["trunk"] for one in (old, new) for line in one.content["lines"]}
    here = MasterTrunk.objects.filter(master=new.trunk_request.master_id, zoom_id__in=ids)
    return {trunk.zoom_id: str(trunk) for trunk in here}


def _accounts(*contents: Mapping[str, Any]) -> Names:
    ids = {content["sub_account"] for content in contents}
    here = SubAccount.objects.filter(master__zoom_id=contents[0]["master"], zoom_id__in=ids)
    return {zoom_id: zoom_id for zoom_id in ids} | {account.zoom_id: str(account) for account in here}
