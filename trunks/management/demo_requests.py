"""The demo's requests: filed, decided and carried out by the same verbs that people and workers use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import requests
from django.conf import settings

from trunks.models import MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User, clock
from trunks.workflow import filing, provisioning, review, sweeping

CALLER_ID = "+14155550100"


def make(progress: Callable[[str], object]) -> None:
    """File one request or more in every state. A failed one needs no fault: Zoom refuses what is not enrolled."""
    desk = Desk("staff@example.com", "supervisor@example.com")
    for number, (customer, reason) in enumerate(_DONE):
        desk.carried_out(customer, reason, caller_id=CALLER_ID if number % 2 else "")
    desk.deny("Blue Yonder Airlines", "Second line for the lounge", "The contract ended in October.")
    desk.withdraw("City Power & Light", "Emergency hotline")
    desk.expire("Coho Winery", "Harvest hotline")
    desk.send_back("Fincher Architects", "New office in Leeds", "Which caller ID do they want to show?")
    desk.carried_out("Unenrolled Media", "Podcast studio")
    desk.partial("Humongous Insurance", "Claims hotline, two lines")
    for customer, reason in _PENDING:
        desk.file(customer, reason, lines=2 if customer.startswith("Lamna") else 1)
    desk.unconfirmed("Trey Research", "Laboratory switchboard")
    progress(f"{TrunkRequest.objects.count()} requests filed.")


_DONE = (
    ("Adatum Logistics", "New customer, contract 2026-114"),
    ("Alpine Ski House", "Winter season hotline"),
    ("Fourth Coffee", "Moves from another carrier"),
)
_PENDING = (
    ("Woodgrove Bank", "Branch opening on Friday"),
    ("Müller & Söhne GmbH", "Neue Zentrale in Köln"),
    ("Lamna Healthcare", "Two wards get their own lines"),
    ("VanArsdel Motors", "Showroom in Tulsa"),
)


class Desk:
    """Who acts, and what each does, on the demo's first master account."""

    def __init__(self, staff: str, supervisor: str) -> None:
        self.staff = User.objects.get(email=staff)
        self.supervisor = User.objects.get(email=supervisor)
        self.master = MasterAccount.objects.get(name="Northwind Telecom")
        self.trunk = MasterTrunk.objects.filter(master=self.master, gone_at=None).order_by("zoom_id")[0]

    def file(
        self,
        customer: str,
        reason: str,
        *,
        lines: int = 1,
        caller_id: str = CALLER_ID,
        not_before: datetime | None = None,
    ) -> TrunkRequest:
        taken: list[str] = []
        for _ in range(lines):
            taken.append(filing.next_free_dnis(self.trunk, besides=taken) or "")
        draft = filing.Draft(
            sub_account=self.account(customer),
            kind="assign",
            reason=reason,
            ticket=f"CHG-{1000 + TrunkRequest.objects.count()}",
            lines=[filing.LineDraft(self.trunk, dnis, caller_id) for dnis in taken],
            not_before=not_before,
        )
        return filing.file(draft, actor=self.staff)

    def account(self, customer: str) -> SubAccount:
        return SubAccount.objects.get(master=self.master, name=customer)

    def carried_out(self, customer: str, reason: str, *, caller_id: str = CALLER_ID) -> None:
        self.carry_out(self.file(customer, reason, caller_id=caller_id))

    def carry_out(self, trunk_request: TrunkRequest) -> None:
        """Approve it, and do what a worker would."""
        review.approve(trunk_request, actor=self.supervisor, version=trunk_request.version)
        TrunkRequest.objects.filter(pk=trunk_request.pk).update(next_attempt_at=None)
        provisioning.provision(trunk_request.pk)

    def deny(self, customer: str, reason: str, comment: str) -> None:
        trunk_request = self.file(customer, reason)
        review.deny(trunk_request, actor=self.supervisor, version=trunk_request.version, comment=comment)

    def send_back(self, customer: str, reason: str, comment: str) -> None:
        trunk_request = self.file(customer, reason, caller_id="")
        review.send_back(trunk_request, actor=self.supervisor, version=trunk_request.version, comment=comment)

    def withdraw(self, customer: str, reason: str) -> None:
        trunk_request = self.file(customer, reason)
        filing.withdraw(trunk_request, actor=self.staff, version=trunk_request.version)

    def expire(self, customer: str, reason: str) -> None:
        trunk_request = self.file(customer, reason)
        long_ago = clock.after(
            -(settings.EXPIRY_DAYS * 3 + 7) * 86400
        )  # so many that as many business days passed
        TrunkRequest.objects.filter(pk=trunk_request.pk).update(changed_at=long_ago)
        sweeping.expire_stale()

    def partial(self, customer: str, reason: str) -> None:
        """Have somebody assign one of two lines in Zoom's console meanwhile, with another caller ID."""
        trunk_request = self.file(customer, reason, lines=2)
        line = trunk_request.lines.all()[0]
        self.sandbox(
            "console",
            action="put_trunk",
            account_id=trunk_request.sub_account.zoom_id,
            trunk_id=self.trunk.zoom_id,
            dnis=line.dnis,
            outbound_caller_id="+14155550199",
        )
        self.carry_out(trunk_request)

    def unconfirmed(self, customer: str, reason: str) -> None:
        """Have the sandbox take the call and drop the connection: nobody knows, until the list is read again."""
        self.sandbox("faults", kind="drop", method="POST", path="/sip_trunk/trunks$", apply="before")
        self.carry_out(self.file(customer, reason))

    def sandbox(self, what: str, **order: str) -> None:
        """Have the sandbox do something behind the portal's back."""
        root = settings.ZOOM_API_URL.removesuffix("/v2")
        requests.post(f"{root}/_sandbox/{what}", json=order, timeout=5).raise_for_status()
