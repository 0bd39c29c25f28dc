"""Who acts in a fault schedule, and on what: one master account with two trunks and two sub accounts of its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from tests import cast
from tests.faults.zoom import TRUNKS
from trunks.models import MasterAccount, MasterTrunk, Role, RoleGrant, SubAccount, User
from trunks.workflow import filing

CALLER_IDS = ("", "+14155550100", "+14155550199")
_numbers = count(1)


@dataclass(frozen=True)
class People:
    staff: list[User]
    supervisors: list[User]


@dataclass(frozen=True)
class Place:
    """What a schedule is about. Each has its own, so that nothing needs to be cleared away between them."""

    master: MasterAccount
    trunks: list[MasterTrunk]
    subs: list[SubAccount]

    def dnis(self, number: int) -> str:
        """Return one of the few DNIS that everybody wants, under the prefix of the trunk with the same parity."""
        return f"{self.trunks[number % 2].prefix}{700 + number}"

    def draft(self, sub: int, numbers: list[int], caller_id: int = 0) -> filing.Draft:
        """Return a draft with a line for each number; those of one parity go through the same trunk."""
        lines = [
            filing.LineDraft(
                self.trunks[number % 2], self.dnis(number), CALLER_IDS[(caller_id + number) % len(CALLER_IDS)]
            )
            for number in dict.fromkeys(numbers)
        ]
        return filing.Draft(self.subs[sub % 2], "assign", "New customer", "", lines)


def place() -> Place:
    number = next(_numbers)
    master = cast.master_account(f"Master {number}", f"master-{number}")
    trunks = [
        cast.master_trunk(master, id_, f"Trunk {id_}", prefix, address) for id_, prefix, address in TRUNKS
    ]
    subs = [cast.sub_account(master, f"sub-{number}-{letter}", f"Sub {letter}") for letter in "ab"]
    return Place(master, trunks, subs)


def people() -> People:
    """Return two staff and two supervisors, the same ones for as long as the database keeps them."""
    return People(_pair("staff", Role.STAFF), _pair("supervisor", Role.SUPERVISOR))


def _pair(name: str, role: Role) -> list[User]:
    emails = [f"{name}-{number}@faults.example" for number in (1, 2)]
    found = list(User.objects.filter(email__in=emails).order_by("email"))
    return found or [_person(email, role) for email in emails]


def _person(email: str, role: Role) -> User:
    user = User.objects.create(email=email, name=email)
    RoleGrant.objects.create(user=user, role=role)
    return user
