"""A master account that is connected to a sandbox, so that workers' code speaks real HTTP."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_django import Settings

from tests import cast
from tests.workflow.timing import let_pass
from trunks.models import MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User, ZoomCall
from trunks.models.rate_budget import MOST_PLACES, RATES
from trunks.sandbox import console
from trunks.sandbox.estate import NORTHWIND, demo_estate
from trunks.sandbox.records import Estate
from trunks.sandbox.server import Sandbox
from trunks.workflow import estate as estates
from trunks.workflow import filing, patience
from trunks.workflow.provisioning import provision


@dataclass
class Zoom:
    """The sandbox and what the portal knows of it."""

    sandbox: Sandbox
    master: MasterAccount
    trunk: MasterTrunk
    sub: SubAccount
    other_sub: SubAccount

    def draft(self, *dnis: str, caller_id: str = "", sub: SubAccount | None = None) -> filing.Draft:
        return cast.draft(sub or self.sub, self.trunk, *dnis, caller_id=caller_id)

    def in_console(self, dnis: str, caller_id: str | None, account: SubAccount | None = None) -> None:
        """Have somebody assign `dnis` in Zoom's own console (to `sub`), or with None take it away there."""
        order = {"account_id": (account or self.sub).zoom_id, "dnis": dnis}
        if caller_id is None:
            order |= {"action": "remove_trunk"}
        else:
            order |= {"action": "put_trunk", "trunk_id": self.trunk.zoom_id, "outbound_caller_id": caller_id}
        console.act(self.sandbox.world, order)

    def remove_account(self) -> None:
        """Close the sub account at Zoom."""
        console.act(self.sandbox.world, {"action": "remove_account", "account_id": self.sub.zoom_id})

    def remove_trunk(self) -> None:
        """Take the master trunk away at Zoom."""
        order = {"action": "remove_master_trunk", "account_id": self.master.zoom_id, "id": self.trunk.zoom_id}
        console.act(self.sandbox.world, order)

    def put_trunk_back(self) -> None:
        """Have the master trunk again at Zoom."""
        trunk = {"id": self.trunk.zoom_id, "name": self.trunk.name, "dnis": self.trunk.dnis}
        trunk |= {"sip_server_address": self.trunk.sip_server_address, "number_prefix": "0"}
        order = {"action": "put_master_trunk", "account_id": self.master.zoom_id, **trunk}
        console.act(self.sandbox.world, order)

    class Killed(BaseException):
        """The worker died here."""

    def lose_worker(self, trunk_request: TrunkRequest, where: str) -> None:
        """Have a worker carry the request out and be killed when it comes to the function `where`."""

        def die() -> None:
            raise self.Killed

        with pytest.MonkeyPatch.context() as dying:
            self.before(dying, where, die)
            with pytest.raises(self.Killed):
                provision(trunk_request.pk)

    def before(self, monkeypatch: pytest.MonkeyPatch, where: str, happening: Callable[[], object]) -> None:
        """Have `happening` happen right before the function `where` is run, once."""
        real = resolve_name(where.rpartition(".")[0].replace(".ZoomClient", ":ZoomClient"))
        name = where.rpartition(".")[2]
        wrapped = getattr(real, name)
        left = [happening]

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if left:
                left.pop()()
            return wrapped(*args, **kwargs)

        monkeypatch.setattr(real, name, wrapper)

    def before_post(self, monkeypatch: pytest.MonkeyPatch, happening: Callable[[], object]) -> None:
        self.before(monkeypatch, "trunks.zoom.client.ZoomClient.assign_trunks", happening)

    def lose_lease(self, monkeypatch: pytest.MonkeyPatch, trunk_request: TrunkRequest) -> None:
        """Make the lease run out, by the database's clock and by the worker's own."""
        let_pass(trunk_request)
        monkeypatch.setattr("trunks.workflow.claims.Claim.outlives_a_call", lambda _: False)

    def calls_kept(self) -> list[tuple[Any, ...]]:
        """Return everything that is kept of calls to Zoom."""
        return list(ZoomCall.objects.values_list())

    def approved(self, staff: User, supervisor: User, *dnis: str, caller_id: str = "") -> TrunkRequest:
        """Return an approved request for `sub` with one line for each DNIS."""
        filed = filing.file(self.draft(*dnis, caller_id=caller_id), actor=staff)
        return cast.approved(filed, supervisor)

    def assigned(self) -> dict[str, int]:
        """Return, for each DNIS that the sub account has at Zoom, how often it was applied."""
        rows = self.sandbox.assigned(self.sub.zoom_id)
        return {
            row.dnis: self.sandbox.applications(self.sub.zoom_id, self.trunk.zoom_id, row.dnis)
            for row in rows
        }


def small_estate() -> Estate:
    """Return the demo's estate with few sub accounts, so that reading it costs next to nothing."""
    estate = demo_estate()
    kept = {"Adatum Logistics", "Fourth Coffee", "Trey Research", "Unenrolled Media"}
    for account in list(estate.sub_accounts(NORTHWIND.account_id)):
        if account.name not in kept:
            del estate.accounts[account.id]
    return estate


@pytest.fixture
def sandbox(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Give the sandbox without its limits; calls go at the highest rate that a budget can hold, and again at once.

    Otherwise tests would stand still between their calls. That those keep to the rate of a plan has tests of its own.
    What is done within a quiet period, or a lease, is done within it on a slow machine too; `let_pass` ends both.
    """
    settings.QUIET_SECONDS, settings.LEASE_SECONDS = 20.0, 30.0
    for plan, rates in RATES.items():
        monkeypatch.setitem(RATES, plan, dict.fromkeys(rates, float(MOST_PLACES)))
    monkeypatch.setattr(patience, "time", SimpleNamespace(sleep=lambda _: None))
    with Sandbox(small_estate(), rate_limits=False) as server:
        settings.ZOOM_API_URL = server.api_url
        settings.ZOOM_OAUTH_URL = server.oauth_url
        yield server


@pytest.fixture
def zoom(sandbox: Sandbox, transactional_db: None) -> Zoom:
    credentials = (NORTHWIND.client_id, NORTHWIND.client_secret)
    master = cast.master_account("Northwind Telecom", NORTHWIND.account_id, credentials)
    assert estates.sync(master.pk)
    free = SubAccount.objects.filter(master=master, trunks_problem="", listed_trunks=None).order_by("name")
    trunk = MasterTrunk.objects.filter(master=master).order_by("pk")[0]
    return Zoom(sandbox, master, trunk, free[0], free[1])


@pytest.fixture
def filed(zoom: Zoom, staff: User, supervisor: User) -> TrunkRequest:
    """Return an approved request with one line, 777."""
    return zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
