"""Changes that somebody makes in Zoom's own console, behind the back of whoever uses the API."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from trunks.sandbox.records import Account, AssignedTrunk, Estate, MasterTrunk, build, check_rate_plan
from trunks.sandbox.world import World

FIELDS = {
    "name",
    "sip_plan",
    "is_master",
    "rate_plan",
    "daily_limit",
    "max_internal_numbers",
    "owner_email",
    "seats",
}


def put_estate(world: World, estate: Estate, *, merge: bool) -> None:
    """Replace the whole estate, or with `merge` add to it, replacing accounts and apps of the same id."""
    if not merge:
        world.replace(estate)
        return
    with world.lock:
        world.estate.add(*estate.accounts.values())
        world.estate.apps.update(estate.apps)
        world.save()


def act(world: World, order: Mapping[str, Any]) -> Any:
    """Carry out `{"action": …, "account_id": …, …}`; raises ValueError when that cannot be done."""
    rest = dict(order)
    action = _ACTIONS.get(rest.pop("action", ""))
    if action is None:
        raise ValueError(f"action is one of {', '.join(_ACTIONS)}")
    with world.lock:
        account_id = rest.pop("account_id", "")
        account = world.estate.accounts.get(account_id)
        if account is None:
            raise ValueError(f"no account {account_id!r}")
        return action(world, account, rest)


def put_trunk(world: World, account: Account, rest: dict[str, Any]) -> dict[str, Any]:
    """Assign a trunk (`trunk_id`, `dnis`, optional `outbound_caller_id`), without any of the API's checks."""
    master = world.estate.accounts[account.master_id]
    trunk = next((trunk for trunk in master.trunks if trunk.id == rest["trunk_id"]), None)
    if trunk is None:
        raise ValueError(f"no master trunk {rest['trunk_id']!r}")
    made = AssignedTrunk(
        world.new_id(),
        trunk.id,
        trunk.name,
        trunk.sip_server_address,
        str(rest["dnis"]),
        trunk.number_prefix,
        str(rest.get("outbound_caller_id", "")),
    )
    with world.changing(account):
        account.assigned.append(made)
    return asdict(made)


def remove_trunk(world: World, account: Account, rest: dict[str, Any]) -> dict[str, int]:
    """Take away assigned trunks by `dnis` or by `id`."""
    kept = [
        trunk for trunk in account.assigned if trunk.dnis != rest.get("dnis") and trunk.id != rest.get("id")
    ]
    removed = len(account.assigned) - len(kept)
    with world.changing(account):
        account.assigned = kept
    return {"removed": removed}


def put_master_trunk(world: World, account: Account, rest: dict[str, Any]) -> dict[str, Any]:
    """Add a master trunk, or change the one with this `id`."""
    made = build(MasterTrunk, rest)
    with world.changing(account):
        account.trunks = [*(trunk for trunk in account.trunks if trunk.id != made.id), made]
    return asdict(made)


def remove_master_trunk(world: World, account: Account, rest: dict[str, Any]) -> dict[str, int]:
    """Take a trunk (`id`) from the master account; sub accounts keep what they were given."""
    kept = [trunk for trunk in account.trunks if trunk.id != rest["id"]]
    removed = len(account.trunks) - len(kept)
    with world.changing(account):
        account.trunks = kept
    return {"removed": removed}


def change_account(world: World, account: Account, rest: dict[str, Any]) -> dict[str, Any]:
    """Rename an account (`name`), take its plan (`sip_plan` false), or change another plain field."""
    unknown = set(rest) - FIELDS
    if unknown:
        raise ValueError(f"fields are {', '.join(sorted(FIELDS))}; not {', '.join(sorted(unknown))}")
    for name, value in rest.items():
        if type(value) is not type(getattr(account, name)):
            raise ValueError(f"{name} has another type: {value!r}")
    check_rate_plan(rest.get("rate_plan", account.rate_plan))
    with world.changing(account):
        for name, value in rest.items():
            setattr(account, name, value)
    return rest


def remove_account(world: World, account: Account, rest: dict[str, Any]) -> dict[str, str]:
    """Remove an account; for Zoom's API it does not exist any more."""
    del world.estate.accounts[account.id]
    world.save()
    return {"removed": account.id}


_ACTIONS: dict[str, Callable[[World, Account, dict[str, Any]], Any]] = {
    "put_trunk": put_trunk,
    "remove_trunk": remove_trunk,
    "put_master_trunk": put_master_trunk,
    "remove_master_trunk": remove_master_trunk,
    "change_account": change_account,
    "remove_account": remove_account,
}
