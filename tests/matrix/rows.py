"""How the rows of the table are written: one address each, and what it answers to whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.matrix.scene import CALLERS, ELSEWHERE, HERE, NOBODY, ROLELESS, Scene

GROUPS = {"foreign": ELSEWHERE, "roleless": ROLELESS, "nobody": NOBODY}
Cells = Mapping[str, int]


def cells(otherwise: int, **exceptions: int) -> Cells:
    """Return the status for each caller: `otherwise`, but for the callers and groups that are named."""
    found = dict.fromkeys((*HERE, *ELSEWHERE, *ROLELESS), otherwise) | dict.fromkeys(NOBODY, SIGN_IN)
    for name, status in sorted(exceptions.items(), key=lambda item: item[0] not in GROUPS):
        found |= dict.fromkeys(GROUPS.get(name, (name,)), status)
    return found


SIGN_IN = 302
NOT_ALLOWED = cells(405)


@dataclass(frozen=True)
class Row:
    """One address: where it leads in the scene, and what each method answers; any other method is not allowed.

    `notes` are the tables that looking at it may write to; `poster` is whose form is tried without its token.
    """

    path: Callable[[Scene], str] | str
    answers: Mapping[str, Cells] = field(default_factory=dict)
    otherwise: Cells = field(default_factory=lambda: NOT_ALLOWED)
    notes: frozenset[str] = frozenset()
    poster: str = "staff"

    def expected(self, method: str) -> Cells:
        return self.answers.get(method, self.otherwise)

    def address(self, scene: Scene) -> str:
        return self.path if isinstance(self.path, str) else self.path(scene)


def page(path: Callable[[Scene], str] | str, who: Cells) -> Row:
    return Row(path, {"GET": who})


def action(path: Callable[[Scene], str] | str, who: Cells) -> Row:
    return Row(path, {"POST": who})


def form(path: Callable[[Scene], str] | str, get: Cells, post: Cells) -> Row:
    return Row(path, {"GET": get, "POST": post})


def one(rest: str = "") -> Callable[[Scene], str]:
    return lambda scene: f"/requests/{scene.trunk_request.reference}/{rest}"


EVERYBODY = cells(200)
# An object of another master account does not exist for those who hold nothing there.
OWN = cells(200, foreign=404, roleless=404)
STAFF = cells(403, staff=200, colleague=200, foreign_staff=200)
SUPERVISORS = cells(403, supervisor=200, foreign_supervisor=200)
READERS = cells(403, manager=200, administrator=200, foreign_manager=200, foreign_administrator=200)
TRAIL_OF_HERE = cells(403, manager=200, administrator=200, foreign_manager=404, foreign_administrator=404)
# Whoever reads the trail brings its index up to date.
INDEX = frozenset(f"trunks_audit{name}" for name in ("entry", "facet", "indexed", "line", "number", "text"))
ADMINISTRATORS = cells(403, administrator=200, foreign_administrator=200)
# An empty form of somebody who may: 422. Of who knows of the request and may not: 422 as well where the form is read
# first, which tells nothing that the page does not tell.
HANDED_IN = cells(422, foreign=404, roleless=404)
# It has no form: who may is told that there is nothing to check.
CHECKED = cells(403, staff=409, supervisor=409, foreign=404, roleless=404)

# What machines ask asks nobody who they are; without a worker the portal is not ready.
OPEN = dict.fromkeys(CALLERS, 200)
SHUT = dict.fromkeys(CALLERS, 405)


# The people of a master account are known to its administrators alone.
def staff_member(rest: str = "") -> Callable[[Scene], str]:
    return lambda scene: f"/people/{scene.people['staff'].pk}/{rest}"


def invitation(rest: str) -> Callable[[Scene], str]:
    return lambda scene: f"/people/invitations/{scene.invitation.pk}/{rest}"


def revocation(scene: Scene) -> str:
    grant = scene.people["staff"].role_grants.get()
    return staff_member(f"grants/{grant.pk}/revoke/")(scene)


def administrators(status: int) -> Cells:
    return cells(403, administrator=status, foreign_administrator=404)


# Opened without being signed in; who is signed in is asked to sign out first.
BY_LINK = {**cells(409), "anonymous": 404, "deactivated": 404}
