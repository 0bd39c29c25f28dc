"""Internal phone numbers: the organisation's own, not Zoom's."""

from dataclasses import asdict

from trunks.sandbox import errors, paging, shapes
from trunks.sandbox.exchange import Answer, Context, json_answer
from trunks.sandbox.operations import access
from trunks.sandbox.operations.countries import COUNTRIES
from trunks.sandbox.records import Account, InternalNumber
from trunks.sandbox.world import World

LANGUAGES = (
    "en-GB", "en-US", "ar", "da-DK", "de-DE", "es-ES", "es-MX", "fr-CA", "fr-FR",
    "it-IT", "ja", "ko-KR", "nl-NL", "pt-BR", "pt-PT", "ru", "zh-CN", "zh-HK",
)  # fmt: skip
REQUIRED = ("number", "display_number", "country", "type", "labels", "languages")
ITEM = {
    "number": shapes.text(),
    "display_number": shapes.text(),
    "country": shapes.text(),
    "type": shapes.one_of(0, 1),
    "labels": shapes.text(),
    "languages": shapes.one_of(*LANGUAGES),
    "visible": shapes.boolean,
    "allow_join": shapes.boolean,
    "allow_for_external_meetings": shapes.boolean,
}
_E164 = shapes.matching(r"\+[1-9][0-9]{6,14}")


def list_internal_numbers(world: World, context: Context) -> Answer:
    """Answer one page; as documented the rows have no id, although deleting needs one."""
    account = world.seen(access.as_master(world, context))
    rows = [asdict(number) for number in account.internal_numbers]
    for row in rows:
        del row["id"]
    query = context.call.query
    shown, token = paging.page(rows, query, f"internal_numbers/{account.id}", world.clock)
    envelope = {"page_size": paging.page_size(query), "total_records": len(rows), "next_page_token": token}
    return json_answer(200, envelope | {"internal_numbers": shown})


def add_internal_numbers(world: World, context: Context) -> Answer:
    """Add up to 30 numbers, each unique among all accounts."""
    body = context.call.json()
    with world.lock:
        account = access.as_master(world, context)
        items = shapes.batch(body, "internal_numbers", ITEM)
        if not all(_acceptable(item) for item in items):
            raise errors.invalid_parameter("internal_numbers")
        _check_room(world, account, [item["number"] for item in items])
        with world.changing(account):
            made = [_number(world, item) for item in items]
            account.internal_numbers += made
    return json_answer(201, {"internal_numbers": [asdict(number) for number in made]})


def _acceptable(item: dict[str, str]) -> bool:
    return (
        all(name in item for name in REQUIRED)
        and _E164(item["number"])
        and item["country"] in COUNTRIES
        and bool(item["display_number"].strip())
    )


def _check_room(world: World, account: Account, numbers: list[str]) -> None:
    most = account.max_internal_numbers
    if len(account.internal_numbers) + len(numbers) > most:
        raise errors.bad_request(f"You can only assign a maximum of {most} phone numbers to this account.")
    used = {held.number for other in world.estate.accounts.values() for held in other.internal_numbers}
    if used & set(numbers) or len(set(numbers)) < len(numbers):
        raise errors.bad_request(errors.NUMBER_USED)


def _number(world: World, item: dict[str, object]) -> InternalNumber:
    made = InternalNumber(id=f"N{world.new_id()}", **item)  # type: ignore[arg-type]  # the shape was checked
    # Zoom's text: a visible number can always be used to join.
    made.allow_join = made.allow_join or made.visible
    return made


def delete_internal_number(world: World, context: Context) -> Answer:
    """Remove a number; that it is not there is no documented error, so that is a success too."""
    with world.lock:
        account = access.as_master(world, context)
        with world.changing(account):
            account.internal_numbers = [
                number for number in account.internal_numbers if number.id != context.variables["number_id"]
            ]
    return Answer(204)
