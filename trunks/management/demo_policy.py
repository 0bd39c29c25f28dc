"""The demo's approval policy: the second master account asks for two approvals where more is at stake."""

from __future__ import annotations

from collections.abc import Callable

from trunks.models import ApprovalPolicy, Kind, MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User
from trunks.sandbox.estate import CONTOSO
from trunks.workflow import filing, policies, review


def make(progress: Callable[[str], object]) -> None:
    """Save the policy, and file a request under it that has one of its two approvals.

    The first master account keeps one approval for everything, so that the shortest way through the portal stays short.
    """
    master = MasterAccount.objects.get(zoom_id=CONTOSO.account_id)
    people = {
        user.email.partition("@")[0]: user for user in User.objects.filter(email__endswith="@example.com")
    }
    asked = {"many_lines": 2, "many_lines_approvals": 2, "unassign_approvals": 2, "change_approvals": 2}
    policies.save(ApprovalPolicy(master=master, **asked), actor=people["admin"], version=0)
    filed = _file(master, people["staff"])
    review.approve(
        filed, actor=people["supervisor"], version=filed.version, comment="Checked with the customer."
    )
    progress(f"{filed.reference} has one of its two approvals.")


def _file(master: MasterAccount, staff: User) -> TrunkRequest:
    trunk = MasterTrunk.objects.filter(master=master, gone_at=None).order_by("zoom_id")[0]
    account = SubAccount.objects.filter(master=master, gone_at=None, trunks_problem="").order_by("name")[0]
    taken: list[str] = []
    for _ in range(3):
        taken.append(filing.next_free_dnis(trunk, besides=taken) or "")
    lines = [filing.LineDraft(trunk, dnis, "+14155550100") for dnis in taken]
    reason = "Three lines for the new call centre"
    return filing.file(filing.Draft(account, Kind.ASSIGN, reason, "CHG-2001", lines), actor=staff)
