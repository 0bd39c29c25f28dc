"""The demo's requests: filed, decided and carried out by the same verbs that people and workers use."""

from __future__ import annotations

from collections.abc import Callable

import requests
from django.conf import settings

from trunks.models import MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User, clock
from trunks.workflow import filing, provisioning, review, sweeping

CALLER_ID = "+14155550100"


def make(progress: Callable[[str], object]) -> None:
    """File one request or more in every state. A failed one needs no fault: Zoom refuses what is not enrolled."""
    stage = _Stage("staff@example.com", "supervisor@example.com")
    for number, (customer, reason) in enumerate(_DONE):
        stage.carried_out(customer, reason, caller_id=CALLER_ID if number % 2 else "")
    stage.deny("Blue Yonder Airlines", "Second line for the lounge", "The contract ended in October.")
    stage.withdraw("City Power & Light", "Emergency hotline")
    stage.expire("Coho Winery", "Harvest hotline")
    stage.send_back("Fincher Architects", "New office in Leeds", "Which caller ID do they want to show?")
    stage.carried_out("Unenrolled Media", "Podcast studio")
    stage.partial("Humongous Insurance", "Claims hotline, two lines")
    for customer, reason in _PENDING:
        stage.file(customer, reason, lines=2 if customer.startswith("Lamna") else 1)
    stage.unconfirmed("Trey Research", "Laboratory switchboard")
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


class _Stage:
    """Who acts, and what each does, on the demo's first master account."""

    def __init__(self, staff: str, supervisor: str) -> None:
        self.staff = User.objects.get(email=staff)
        self.supervisor = User.objects.get(email=supervisor)
        self.master = MasterAccount.objects.get(name="Northwind Telecom")
        self.trunk = MasterTrunk.objects.filter(master=self.master, gone_at=None).order_by("zoom_id")[0]

    def file(self, customer: str, reason: str, *, lines: int = 1, caller_id: str = CALLER_ID) -> TrunkRequest:
        taken: list[str] = []
        for _ in range(lines):
            taken.append(filing.next_free_dnis(self.trunk, besides=taken) or "")
        draft = filing.Draft(
            sub_account=SubAccount.objects.get(master=self.master, name=customer),
            kind="assign",
            reason=reason,
            ticket=f"CHG-{1000 + TrunkRequest.objects.count()}",
            lines=[filing.LineDraft(self.trunk, dnis, caller_id) for dnis in taken],
        )
        return filing.file(draft, actor=self.staff)

    def carried_out(self, customer: str, reason: str, *, caller_id: str = CALLER_ID) -> None:
        self._provision(self.file(customer, reason, caller_id=caller_id))

    def _provision(self, trunk_request: TrunkRequest) -> None:
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
        self._sandbox(
            "console",
            action="put_trunk",
            account_id=trunk_request.sub_account.zoom_id,
            trunk_id=self.trunk.zoom_id,
            dnis=line.dnis,
            outbound_caller_id="+14155550199",
        )
        self._provision(trunk_request)

    def unconfirmed(self, customer: str, reason: str) -> None:
        """Have the sandbox take the call and drop the connection: nobody knows, until the list is read again."""
        self._sandbox("faults", kind="drop", method="POST", path="/sip_trunk/trunks$", apply="before")
        self._provision(self.file(customer, reason))

    def _sandbox(self, what: str, **order: str) -> None:
        root = settings.ZOOM_API_URL.removesuffix("/v2")
        requests.post(f"{root}/_sandbox/{what}", json=order, timeout=5).raise_for_status()
