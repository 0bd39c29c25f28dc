"""A master account that is connected to a sandbox, so that workers' code speaks real HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pytest_django import Settings

from tests import cast
from trunks.models import MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User
from trunks.sandbox.estate import NORTHWIND
from trunks.sandbox.server import Sandbox
from trunks.workflow import estate as estates
from trunks.workflow import filing


@dataclass
class Zoom:
    """The sandbox and what the portal knows of it."""

    sandbox: Sandbox
    master: MasterAccount
    trunk: MasterTrunk
    sub: SubAccount
    other_sub: SubAccount

    def approved(self, staff: User, supervisor: User, *dnis: str, caller_id: str = "") -> TrunkRequest:
        """Return an approved request for `sub` with one line for each DNIS."""
        draft = cast.draft(self.sub, self.trunk, *dnis, caller_id=caller_id)
        return cast.approved(filing.file(draft, actor=staff), supervisor)

    def assigned(self) -> dict[str, int]:
        """Return, for each DNIS that the sub account has at Zoom, how often it was applied."""
        rows = self.sandbox.assigned(self.sub.zoom_id)
        return {
            row.dnis: self.sandbox.applications(self.sub.zoom_id, self.trunk.zoom_id, row.dnis)
            for row in rows
        }


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[Sandbox]:
    with Sandbox(rate_limits=False) as server:
        settings.ZOOM_API_URL = server.api_url
        settings.ZOOM_OAUTH_URL = server.oauth_url
        yield server


@pytest.fixture
def zoom(sandbox: Sandbox, transactional_db: None) -> Zoom:
    master = estates.connect(
        name="Northwind Telecom",
        account_id=NORTHWIND.account_id,
        client_id=NORTHWIND.client_id,
        client_secret=NORTHWIND.client_secret,
        actor=None,
        why="test",
    )
    assert estates.sync(master.pk)
    free = SubAccount.objects.filter(master=master, trunks_problem="", listed_trunks=None).order_by("name")
    trunk = MasterTrunk.objects.filter(master=master).order_by("pk")[0]
    return Zoom(sandbox, master, trunk, free[0], free[1])
