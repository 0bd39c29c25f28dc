"""Who acts in a fault schedule, and on what: one master account with two trunks and two sub accounts of its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from tests import cast
from tests.faults.zoom import TRUNKS
from trunks.models import Kind, ListedTrunk, MasterAccount, MasterTrunk, Role, RoleGrant, SubAccount, User
from trunks.workflow import filing

PRESENT = (6, 7)  # numbers that the first sub account has from the beginning
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

    def draft(
        self, sub: int, numbers: list[int], caller_id: int = 0, kind: str = Kind.ASSIGN
    ) -> filing.Draft:
        """Return a draft with a line for each number; those of one parity go through the same trunk.

        A change takes what the sub account had from the beginning, and gives it the number's DNIS.
        """
        lines = [
            filing.LineDraft(
                self.trunks[number % 2],
                self.dnis(number),
                CALLER_IDS[(caller_id + number) % len(CALLER_IDS)],
                self.dnis(PRESENT[number % 2]) if kind == Kind.CHANGE else "",
            )
            for number in dict.fromkeys(numbers)
        ]
        return filing.Draft(self.subs[sub % 2], kind, "New customer", "", lines)


def place() -> Place:
    number = next(_numbers)
    master = cast.master_account(f"Master {number}", f"master-{number}")
    trunks = [
        cast.master_trunk(master, id_, f"Trunk {id_}", prefix, address) for id_, prefix, address in TRUNKS
    ]
    subs = [cast.sub_account(master, f"sub-{number}-{letter}", f"Sub {letter}") for letter in "ab"]
    place = Place(master, trunks, subs)
    ListedTrunk.objects.bulk_create(_listed(place, number) for number in PRESENT)
    return place


def _listed(place: Place, number: int) -> ListedTrunk:
    """Return what the portal read, long ago, of a trunk that the first sub account has from the beginning."""
    return ListedTrunk(
        master=place.master,
        sub_account=place.subs[0],
        zoom_id=f"{50_001 + PRESENT.index(number)}",
        dnis=place.dnis(number),
        sip_server_address=place.trunks[number % 2].sip_server_address,
        first_seen_at=cast.LONG_AGO,
        last_seen_at=cast.LONG_AGO,
    )


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
