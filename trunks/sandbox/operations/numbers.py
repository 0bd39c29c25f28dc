"""The master's SIP numbers, and giving them to sub accounts."""

from trunks.sandbox import errors, shapes
from trunks.sandbox.exchange import Answer, Context, json_answer
from trunks.sandbox.operations import access
from trunks.sandbox.world import World


def list_master_numbers(world: World, context: Context) -> Answer:
    """Answer every number of the caller; the only documented refusal is 404/2001."""
    if not context.caller.is_master:
        raise errors.refusal(404, 2001, errors.NOT_YOURS)
    if not context.caller.sip_plan:
        raise errors.refusal(404, 2001, errors.NOT_THIS_MASTERS)
    rows = [{"number": number, "country": "US"} for number in world.seen(context.caller).numbers]
    return json_answer(200, {"total_records": len(rows), "phone_numbers": rows})


def assign_numbers(world: World, context: Context) -> Answer:
    """Give numbers of the caller to a sub account."""
    body = context.call.json()
    with world.lock:
        account = access.sub_or_not_yours(world, context)
        access.has_plan(account)
        numbers = body.get("phone_numbers")
        if set(body) != {"phone_numbers"} or not isinstance(numbers, list):
            raise errors.invalid_fields("phone_numbers")
        if not all(map(shapes.text(least=1), numbers)):
            raise errors.invalid_fields("phone_numbers")
        if not set(numbers) <= set(context.caller.numbers):
            raise errors.refusal(400, 400, errors.FOREIGN_NUMBER)
        with world.changing(account):
            account.numbers = list(dict.fromkeys([*account.numbers, *numbers]))
    return json_answer(201, {})


def delete_all_numbers(world: World, context: Context) -> Answer:
    """Take all numbers from a sub account; there is no way to take one."""
    with world.lock:
        account = access.sub_or_not_yours(world, context)
        access.has_plan(account)
        with world.changing(account):
            account.numbers = []
    return Answer(204)
