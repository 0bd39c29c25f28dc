"""What an approval policy asks of a request, and in which words; for filing, deciding, preview and rehearsal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from trunks import numbers
from trunks.models import (
    ASSIGNED_LINE_STATES,
    ApprovalPolicy,
    Hold,
    Kind,
    Line,
    ListedTrunk,
    SubAccount,
    TrunkRequest,
)
from trunks.workflow.drafts import Draft

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Facts:
    """What a policy looks at. `new_caller_ids` and `first_trunk` are None where nobody noted them at filing."""

    kind: str
    lines: int
    at: datetime
    new_caller_ids: tuple[str, ...] | None = None
    first_trunk: bool | None = None

    def kept(self) -> dict[str, Any]:
        """Return the facts in the form that snapshots keep."""
        new = None if self.new_caller_ids is None else list(self.new_caller_ids)
        known = {"kind": self.kind, "lines": self.lines, "at": self.at.isoformat()}
        return known | {"new_caller_ids": new, "first_trunk": self.first_trunk}

    @classmethod
    def of(cls, trunk_request: TrunkRequest) -> Facts:
        """Return the facts as they were noted at filing; for a request from before policies, what can still be told."""
        kept = trunk_request.policy.get("facts")
        if not kept:
            return cls(trunk_request.kind, len(trunk_request.lines.all()), trunk_request.filed_at)
        new = kept["new_caller_ids"]
        at = datetime.fromisoformat(kept["at"])
        return cls(kept["kind"], kept["lines"], at, None if new is None else tuple(new), kept["first_trunk"])


@dataclass(frozen=True)
class Assessment:
    """How many approvals a policy asks for, and the conditions that made it so many (none: every request)."""

    needed: int
    why: tuple[str, ...]


def facts_of(draft: Draft, at: datetime, *, besides: TrunkRequest | None = None) -> Facts:
    """Return the facts of a draft whose sub account is chosen; the lines of the request `besides` do not count."""
    account = draft.sub_account
    if account is None:
        return Facts(draft.kind, len(draft.lines), at)
    return Facts(
        draft.kind, len(draft.lines), at, _new_caller_ids(draft, account), _is_first(draft, account, besides)
    )


def assess(policy: ApprovalPolicy, facts: Facts) -> Assessment:
    """Return what `policy` asks of a request with these facts: the highest number of all that holds."""
    raised = [
        (asked, reason)
        for name, reason_for in _REASONS.items()
        if (asked := getattr(policy, name)) > policy.approvals and (reason := reason_for(policy, facts))
    ]
    needed = max([policy.approvals, *(asked for asked, _ in raised)])
    return Assessment(needed, tuple(reason for asked, reason in raised if asked == needed))


def snapshot(policy: ApprovalPolicy, facts: Facts) -> dict[str, Any]:
    """Return everything about the policy that is kept with a request: rules, words, facts, number and grounds."""
    found = assess(policy, facts)
    return {
        "version": policy.version,
        "rules": policy.rules(),
        "text": sentences(policy),
        "facts": facts.kept(),
        "needed": found.needed,
        "why": list(found.why),
    }


def sentences(policy: ApprovalPolicy) -> list[str]:
    """Return the policy in plain words, a sentence for each rule."""
    told = [f"Every request takes {approvals(policy.approvals)}."]
    told += [
        f"{words(policy)}: {approvals(asked)}."
        for name, words in _WORDS.items()
        if (asked := getattr(policy, name))
    ]
    if len(told) > 2:
        told.append("Where several of these hold, the highest number counts.")
    return told


def approvals(number: int) -> str:
    return f"{number} approval{'' if number == 1 else 's'}"


def hours(policy: ApprovalPolicy) -> str:
    """Return the working hours in words: `Monday to Friday, 08:00 to 18:00 (Europe/Madrid)`."""
    days = [int(day) for day in policy.days]
    names = [DAY_NAMES[day - 1] for day in days]
    in_a_row = len(days) > 2 and days == list(range(days[0], days[-1] + 1))
    told = f"{names[0]} to {names[-1]}" if in_a_row else ", ".join(names)
    return f"{told}, {policy.opens:%H:%M} to {policy.closes:%H:%M} ({policy.zone})"


def _seen(account: SubAccount) -> Iterator[str | None]:
    yield from ListedTrunk.objects.filter(sub_account=account).values_list("outbound_caller_id", flat=True)
    carried_out = Line.objects.filter(trunk_request__sub_account=account, state__in=ASSIGNED_LINE_STATES)
    yield from carried_out.values_list("outbound_caller_id", flat=True)


def _new_caller_ids(draft: Draft, account: SubAccount) -> tuple[str, ...]:
    """Return the caller IDs that were never seen with the sub account, however they are spelled."""
    asked = {line.outbound_caller_id for line in draft.lines if line.outbound_caller_id}
    if not asked or draft.kind == Kind.UNASSIGN:
        return ()
    seen = {numbers.caller_id_key(caller_id) for caller_id in _seen(account) if caller_id}
    return tuple(sorted(one for one in asked if numbers.caller_id_key(one) not in seen))


def _is_first(draft: Draft, account: SubAccount, besides: TrunkRequest | None) -> bool:
    if draft.kind != Kind.ASSIGN:
        return False
    if ListedTrunk.objects.filter(sub_account=account, gone_at=None).exists():
        return False
    lines = Line.objects.filter(trunk_request__sub_account=account, hold=Hold.ASSIGNED)
    return not lines.exclude(trunk_request=besides).exists()


def _many(policy: ApprovalPolicy, facts: Facts) -> str:
    return f"it has {facts.lines} lines" if facts.lines > policy.many_lines else ""


def _new(policy: ApprovalPolicy, facts: Facts) -> str:
    if not facts.new_caller_ids:
        return ""
    return f"the caller ID {', '.join(facts.new_caller_ids)} was not seen before for the sub account"


def _first(policy: ApprovalPolicy, facts: Facts) -> str:
    return "it is the first trunk of the sub account" if facts.first_trunk else ""


def _unassign(policy: ApprovalPolicy, facts: Facts) -> str:
    return "it takes trunks away" if facts.kind == Kind.UNASSIGN else ""


def _change(policy: ApprovalPolicy, facts: Facts) -> str:
    return "it changes trunks" if facts.kind == Kind.CHANGE else ""


def _off_hours(policy: ApprovalPolicy, facts: Facts) -> str:
    local = facts.at.astimezone(ZoneInfo(policy.zone))
    if str(local.isoweekday()) in policy.days and policy.opens <= local.time() < policy.closes:
        return ""
    day = DAY_NAMES[local.weekday()]
    return f"it was filed outside working hours ({day} {local:%H:%M}, {policy.zone})"


_REASONS: dict[str, Callable[[ApprovalPolicy, Facts], str]] = {
    "many_lines_approvals": _many,
    "new_caller_id_approvals": _new,
    "first_trunk_approvals": _first,
    "unassign_approvals": _unassign,
    "change_approvals": _change,
    "off_hours_approvals": _off_hours,
}
_WORDS: dict[str, Callable[[ApprovalPolicy], str]] = {
    "many_lines_approvals": lambda policy: (
        f"More than {policy.many_lines} line{'' if policy.many_lines == 1 else 's'}"
    ),
    "new_caller_id_approvals": lambda _: "A caller ID not seen before for the sub account",
    "first_trunk_approvals": lambda _: "The first trunk of a sub account",
    "unassign_approvals": lambda _: "Unassigning trunks",
    "change_approvals": lambda _: "Changing trunks",
    "off_hours_approvals": lambda policy: f"Filed outside {hours(policy)}",
}
