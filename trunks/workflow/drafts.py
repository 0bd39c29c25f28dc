"""What somebody asks for before it is a request: the lines as typed, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from trunks import numbers
from trunks.models import (
    Hold,
    Kind,
    Line,
    ListedTrunk,
    MasterAccount,
    MasterTrunk,
    State,
    SubAccount,
    TrunkRequest,
    User,
)
from trunks.models.trunk_request import line_content
from trunks.workflow.content import digest_of, lines_of
from trunks.workflow.waiting import window_content


@dataclass(frozen=True)
class LineDraft:
    """One line as typed; `trunk` is None where none was chosen.

    `current_dnis` is what a change replaces. It may be left out where the sub account's list leaves no doubt.
    """

    trunk: MasterTrunk | None
    dnis: str
    outbound_caller_id: str = ""
    current_dnis: str = ""

    def content(self) -> dict[str, str]:
        trunk = self.trunk.zoom_id if self.trunk else ""
        return line_content(trunk, self.dnis, self.outbound_caller_id, self.current_dnis)


@dataclass(frozen=True)
class Draft:
    """What somebody asks for; `sub_account` is None where none was chosen."""

    sub_account: SubAccount | None
    kind: str
    reason: str
    ticket: str
    lines: Sequence[LineDraft]
    not_before: datetime | None = None

    def content(self) -> dict[str, Any]:
        """Return what `content.content_of()` would return for the request made from this draft."""
        account = self.sub_account
        return {
            "master": account.master.zoom_id if account else "",
            "sub_account": account.zoom_id if account else "",
            "kind": self.kind,
            "lines": [line.content() for line in self.lines],
            **window_content(self.not_before),
        }

    @property
    def numbers(self) -> str:
        """Return every DNIS that it asks for or removes, once each, with a space between."""
        wanted = [number for line in self.lines for number in (line.dnis, line.current_dnis) if number]
        return " ".join(dict.fromkeys(wanted))


def draft_of(trunk_request: TrunkRequest, lines: Sequence[Line] | None = None) -> Draft:
    """Return the request's present content as a draft, to be checked again or to be amended.

    `lines` are for who has just read them.
    """
    lines = lines_of(trunk_request) if lines is None else lines
    return Draft(
        sub_account=trunk_request.sub_account,
        kind=trunk_request.kind,
        reason=trunk_request.reason,
        ticket=trunk_request.ticket,
        lines=[
            LineDraft(line.trunk, line.dnis, line.outbound_caller_id, line.current_dnis) for line in lines
        ],
        not_before=trunk_request.not_before,
    )


def twin_of(draft: Draft, *, actor: User) -> TrunkRequest | None:
    """Return the pending request that `actor` has filed with exactly the content of `draft`, or None.

    `draft` is completed.
    """
    return TrunkRequest.objects.filter(
        filed_by=actor,
        sub_account=draft.sub_account,
        state=State.PENDING,
        content_version=1,
        content_digest=digest_of(draft.content()),
    ).last()


def completed(draft: Draft) -> Draft:
    """Return `draft` with what its kind implies: which DNIS at Zoom each line is about."""
    present = present_rows(draft.sub_account) if draft.kind == Kind.CHANGE else []
    return replace(draft, lines=[_completed(line, draft.kind, present) for line in draft.lines])


def checkable(draft: Draft, master: MasterAccount | None) -> Draft:
    """Return the draft; without a sub account with a stand-in, so that its lines are checked all the same."""
    if draft.sub_account or master is None:
        return draft
    return replace(draft, sub_account=SubAccount(master=master, name="the sub account"))


def present_rows(account: SubAccount | None) -> list[ListedTrunk]:
    """Return what Zoom last listed for the sub account: nothing for one that was not chosen, or only stands in."""
    if account is None or account.pk is None:
        return []
    return list(ListedTrunk.objects.filter(sub_account=account, gone_at=None))


def present_caller_ids(draft: Draft) -> dict[str, str | None]:
    """Return the caller ID of each DNIS that Zoom last listed for the draft's sub account, None where nobody knows it.

    Where Zoom's list shows none at all, it is the one with which the portal has assigned it.
    """
    shown = {row.dnis: row.outbound_caller_id for row in present_rows(draft.sub_account)}
    unseen = [dnis for dnis, caller_id in shown.items() if caller_id is None]
    if unseen:
        # What was there already has the caller ID that somebody else gave it.
        ours = Line.objects.filter(
            trunk_request__sub_account=draft.sub_account, dnis__in=unseen, hold=Hold.ASSIGNED, sends__gt=0
        )
        shown |= dict(ours.values_list("dnis", "outbound_caller_id"))
    return {
        dnis: None if caller_id is None else numbers.caller_id_to_send(caller_id)
        for dnis, caller_id in shown.items()
    }


def _completed(line: LineDraft, kind: str, present: list[ListedTrunk]) -> LineDraft:
    if kind == Kind.UNASSIGN:
        return replace(line, outbound_caller_id="", current_dnis=line.dnis)
    if kind == Kind.CHANGE:
        return line if line.current_dnis else replace(line, current_dnis=_meant(line, present))
    return replace(line, current_dnis="")


def _meant(line: LineDraft, present: list[ListedTrunk]) -> str:
    """Return the DNIS that a change without a present DNIS is about, or "" where that is not plain."""
    if any(row.dnis == line.dnis for row in present):
        return line.dnis
    if line.trunk is None:
        return ""
    mine = [
        row
        for row in present
        if row.zoom_id == line.trunk.zoom_id or row.sip_server_address == line.trunk.sip_server_address
    ]
    return mine[0].dnis if len(mine) == 1 else ""
