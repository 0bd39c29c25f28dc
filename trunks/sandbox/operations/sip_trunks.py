"""List, assign and delete SIP trunks: the calls the portal is about."""

from dataclasses import asdict
from typing import Any

from trunks.sandbox import errors, shapes
from trunks.sandbox.exchange import Answer, Context, json_answer
from trunks.sandbox.operations import access
from trunks.sandbox.records import Account, AssignedTrunk, MasterTrunk
from trunks.sandbox.world import World

DNIS_LEAST, DNIS_MOST, CALLER_ID_MOST = 5, 8, 32
ITEM = {
    "id": shapes.text(),
    "dnis": shapes.text(DNIS_LEAST, DNIS_MOST),
    "outbound_caller_id": shapes.text(most=CALLER_ID_MOST),
}


def list_trunks(world: World, context: Context) -> Answer:
    """Answer the trunks of the caller (`me`) or of a sub account; there are no pages."""
    account = access.own_or_sub(world, context)
    access.enrolled(context.caller, account)
    rows = [_listed(world, trunk) for trunk in trunks_of(world.seen(account))]
    return json_answer(200, {"total_records": len(rows), "sip_trunks": rows})


def trunks_of(account: Account) -> list[MasterTrunk | AssignedTrunk]:
    """Return a master's own trunks, then those assigned to it by its own master (three tiers)."""
    return [*account.trunks, *account.assigned]


def _listed(world: World, trunk: MasterTrunk | AssignedTrunk) -> dict[str, str]:
    row: dict[str, str] = asdict(trunk)
    row.pop("trunk_id", None)
    if world.switches["list_caller_id"] == "no" or not row["outbound_caller_id"]:
        del row["outbound_caller_id"]
    return row


def assign_trunks(world: World, context: Context) -> Answer:
    """Give master trunks to a sub account; all of them, or with partial=yes those that can be given."""
    body = context.call.json()
    with world.lock:
        account = access.sub(world, context)
        access.enrolled(context.caller, account)
        if not context.caller.trunks:
            raise errors.bad_request(errors.NO_TRUNKS)
        items = shapes.batch(body, "sip_trunks", ITEM)
        good = _acceptable(world, context.caller, account, items)
        if len(good) < len(items) and world.switches["partial"] == "no":
            raise errors.invalid_parameter("sip_trunks")
        with world.changing(account):
            made = [_apply(world, account, trunk, item) for trunk, item in good]
            context.applied = len(made)
    if len(good) < len(items):
        raise errors.invalid_parameter("sip_trunks")
    return _assigned_answer(world, made)


def _acceptable(
    world: World, master: Account, account: Account, items: list[dict[str, Any]]
) -> list[tuple[MasterTrunk, dict[str, Any]]]:
    trunks = {trunk.id: trunk for trunk in master.trunks}
    held = {trunk.trunk_id for trunk in account.assigned}
    used = {trunk.dnis for sub in world.estate.sub_accounts(master.id) for trunk in sub.assigned}
    good = []
    for item in items:
        trunk, dnis = trunks.get(item.get("id", "")), item.get("dnis", "")
        if trunk is None or not _fits(dnis, trunk):
            continue
        if world.switches["second_assignment"] == "refuse" and trunk.id in held:
            continue
        if world.switches["duplicate_dnis"] == "refuse" and dnis in used:
            continue
        held.add(trunk.id)
        used.add(dnis)
        good.append((trunk, item))
    return good


def _fits(dnis: str, trunk: MasterTrunk) -> bool:
    return dnis.isascii() and dnis.isdigit() and dnis.startswith(trunk.prefix)


def _apply(world: World, account: Account, trunk: MasterTrunk, item: dict[str, Any]) -> AssignedTrunk:
    if world.switches["second_assignment"] == "replace":
        account.assigned = [held for held in account.assigned if held.trunk_id != trunk.id]
    own_id = world.new_id() if world.switches["trunk_id"] == "own" else trunk.id
    made = AssignedTrunk(
        own_id,
        trunk.id,
        trunk.name,
        trunk.sip_server_address,
        item["dnis"],
        trunk.number_prefix,
        item.get("outbound_caller_id", ""),
    )
    account.assigned.append(made)
    world.applied(account.id, trunk.id, made.dnis)
    return made


def _assigned_answer(world: World, made: list[AssignedTrunk]) -> Answer:
    if world.switches["assign_body"] == "none204":
        return Answer(204)
    if world.switches["assign_body"] == "empty":
        return Answer(201, b"")
    # The documented answer has no outbound_caller_id.
    names = ("id", "name", "sip_server_address", "dnis", "number_prefix")
    rows = [{name: getattr(trunk, name) for name in names} for trunk in made]
    return json_answer(201, {"sip_trunks": rows})


def delete_trunk(world: World, context: Context) -> Answer:
    """Take a trunk from a sub account, by the id its list shows."""
    if not context.caller.is_master:
        raise errors.bad_request(errors.NP)
    with world.lock:
        account = access.sub(world, context)
        access.enrolled(context.caller, account)
        kept = [trunk for trunk in account.assigned if trunk.id != context.variables["trunk_id"]]
        if len(kept) == len(account.assigned):
            return _nothing_deleted(world)
        with world.changing(account):
            account.assigned = kept
    return Answer(204)


def _nothing_deleted(world: World) -> Answer:
    status = int(world.switches["delete_unknown"])
    if status != 204:
        raise errors.unknown_trunk(status)
    return Answer(204)
