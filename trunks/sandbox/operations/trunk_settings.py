"""The display settings of SIP Connected Audio."""

from dataclasses import asdict, replace

from trunks.sandbox import errors, shapes
from trunks.sandbox.exchange import Answer, Context, json_answer
from trunks.sandbox.operations import access
from trunks.sandbox.records import TrunkSettings
from trunks.sandbox.world import World

SHAPE = {
    "enable": shapes.boolean,
    "show_callout_internal_number": shapes.boolean,
    "show_zoom_provided_callout_countries": shapes.one_of(0, 1, 2),
    "show_zoom_provided_numbers": shapes.one_of(0, 1, 2),
}


def get_settings(world: World, context: Context) -> Answer:
    """Answer the settings of the caller (`me`) or of a sub account."""
    account = world.seen(access.own_or_sub(world, context))
    return json_answer(200, asdict(account.settings))


def update_settings(world: World, context: Context) -> Answer:
    """Copy the master's settings (`enable` true), or drop them (false), then change those that are named."""
    body = context.call.json()
    with world.lock:
        account = access.sub_or_not_yours(world, context)
        access.has_plan(account)
        if wrong := shapes.check(body, SHAPE):
            raise errors.invalid_fields(*wrong)
        base = {True: context.caller.settings, False: TrunkSettings(), None: account.settings}
        named = {name: value for name, value in body.items() if name != "enable"}
        with world.changing(account):
            account.settings = replace(base[body.get("enable")], **named)
    return Answer(204)
