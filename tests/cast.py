"""The people and things that act in all tests."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.utils import timezone

from trunks.models import (
    ApprovalPolicy,
    MasterAccount,
    MasterTrunk,
    Role,
    RoleGrant,
    SubAccount,
    TrunkRequest,
    User,
)
from trunks.workflow import approval_rules, filing, review

PASSWORD = "demo-pass-2468"
LONG_AGO = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class QuickHasher(PBKDF2PasswordHasher):
    """A hash that every process can check, of so few rounds that making people costs tests no time."""

    iterations = 1


@dataclass(frozen=True)
class Estate:
    """Two master accounts as rows of the database; Zoom has not been asked."""

    master: MasterAccount
    trunk: MasterTrunk
    other_trunk: MasterTrunk
    sub: SubAccount
    other_sub: SubAccount
    foreign_master: MasterAccount
    foreign_trunk: MasterTrunk
    foreign_sub: SubAccount


def person(name: str, *roles: Role, master: MasterAccount | None = None, superuser: bool = False) -> User:
    """Return a new person, who signs in as first-name@example.com and holds `roles`."""
    email = f"{name.lower().replace(' ', '-')}@example.com"
    password = QuickHasher().encode(PASSWORD, "salt")
    user = User.objects.create(email=email, name=name, password=password, is_superuser=superuser)
    RoleGrant.objects.bulk_create(RoleGrant(user=user, role=role, master=master) for role in roles)
    return user


def master_account(name: str, zoom_id: str, client: tuple[str, str] = ("client", "secret")) -> MasterAccount:
    return MasterAccount.objects.create(
        name=name, zoom_id=zoom_id, client_id=client[0], client_secret=client[1], connected_at=LONG_AGO
    )


def master_trunk(master: MasterAccount, zoom_id: str, name: str, dnis: str, address: str) -> MasterTrunk:
    return MasterTrunk.objects.create(
        master=master,
        zoom_id=zoom_id,
        name=name,
        dnis=dnis,
        sip_server_address=address,
        number_prefix="0",
        first_seen_at=LONG_AGO,
        last_seen_at=LONG_AGO,
    )


def sub_account(master: MasterAccount, zoom_id: str, name: str) -> SubAccount:
    return SubAccount.objects.create(
        master=master, zoom_id=zoom_id, name=name, first_seen_at=LONG_AGO, last_seen_at=LONG_AGO
    )


def make_estate() -> Estate:
    """Return two masters; the first has two trunks of different prefixes and two sub accounts."""
    master = master_account("Northwind", "northwind-account-id")
    foreign = master_account("Contoso", "contoso-account-id")
    return Estate(
        master=master,
        trunk=master_trunk(master, "268", "HQ trunk", "1888812345", "192.0.2.1"),
        other_trunk=master_trunk(master, "281", "Backup trunk", "90001258", "192.0.2.34"),
        sub=sub_account(master, "adatum-account-id", "Adatum Logistics"),
        other_sub=sub_account(master, "fourth-coffee-account-id", "Fourth Coffee"),
        foreign_master=foreign,
        foreign_trunk=master_trunk(foreign, "700", "Carrier trunk", "70003111", "192.0.2.70"),
        foreign_sub=sub_account(foreign, "tailspin-account-id", "Tailspin Toys"),
    )


def draft(
    sub: SubAccount, trunk: MasterTrunk, *dnis: str, caller_id: str = "", reason: str = "New customer"
) -> filing.Draft:
    """Return a draft with one line for each DNIS."""
    lines = [filing.LineDraft(trunk, number, caller_id) for number in dnis]
    return filing.Draft(sub_account=sub, kind="assign", reason=reason, ticket="CHG-1", lines=lines)


def approved(trunk_request: TrunkRequest, supervisor: User) -> TrunkRequest:
    """Return the request, approved; the worker's task is not run."""
    return review.approve(trunk_request, actor=supervisor, version=trunk_request.version)


def policy(master: MasterAccount, **rules: Any) -> ApprovalPolicy:
    """Put a policy into force for `master`, as the next version, without anybody saving it."""
    version = ApprovalPolicy.current(master).version + 1
    made = ApprovalPolicy(master=master, version=version, made_at=timezone.now(), **rules)
    made.text = "\n".join(approval_rules.sentences(made))
    made.save()
    return made
