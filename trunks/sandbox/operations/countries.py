"""Internal call-out countries of a master account or a sub account."""

from trunks.sandbox import errors, shapes
from trunks.sandbox.exchange import Answer, Context, json_answer
from trunks.sandbox.operations import access
from trunks.sandbox.world import World

# Enough of the world to try things out: id -> (name, calling code).
COUNTRIES = {
    "AT": ("Austria", "43"),
    "AU": ("Australia", "61"),
    "BE": ("Belgium", "32"),
    "BR": ("Brazil", "55"),
    "CA": ("Canada", "1"),
    "CH": ("Switzerland", "41"),
    "DE": ("Germany", "49"),
    "DK": ("Denmark", "45"),
    "ES": ("Spain", "34"),
    "FR": ("France", "33"),
    "GB": ("United Kingdom", "44"),
    "IE": ("Ireland", "353"),
    "IN": ("India", "91"),
    "IT": ("Italy", "39"),
    "JP": ("Japan", "81"),
    "MX": ("Mexico", "52"),
    "NL": ("Netherlands", "31"),
    "NZ": ("New Zealand", "64"),
    "PL": ("Poland", "48"),
    "PT": ("Portugal", "351"),
    "SE": ("Sweden", "46"),
    "SG": ("Singapore", "65"),
    "US": ("United States", "1"),
    "ZA": ("South Africa", "27"),
}


def list_countries(world: World, context: Context) -> Answer:
    """Answer the countries of the account."""
    account = world.seen(access.as_master(world, context))
    rows = [_row(country) for country in account.countries]
    return json_answer(200, {"total_records": len(rows), "callout_countries": rows})


def _row(country: str) -> dict[str, str]:
    name, code = COUNTRIES.get(country, (country, ""))
    return {"id": country, "name": name, "code": code}


def add_countries(world: World, context: Context) -> Answer:
    """Add up to 30 countries; one that is there already stays once."""
    body = context.call.json()
    with world.lock:
        account = access.as_master(world, context)
        items = shapes.batch(body, "callout_countries", {"id": shapes.text()})
        wanted = [item.get("id", "") for item in items]
        if not set(wanted) <= set(COUNTRIES):
            raise errors.invalid_parameter("callout_countries")
        with world.changing(account):
            account.countries = list(dict.fromkeys([*account.countries, *wanted]))
    return json_answer(201, {"callout_countries": [_row(country) for country in wanted]})


def delete_country(world: World, context: Context) -> Answer:
    """Remove a country; that it is not there is no documented error, so that is a success too."""
    with world.lock:
        account = access.as_master(world, context)
        with world.changing(account):
            account.countries = [
                country for country in account.countries if country != context.variables["country_id"]
            ]
    return Answer(204)
