"""The demo's past: a year of requests, decisions, sign-ins, readings and refusals, the same in every demo.

Nothing of it is carried out: rows and events are written as the verbs would have left them, each event dated when it is
to have happened (`audit.retelling`). What customers still have of it is put into the sandbox before its estate is read.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial

import requests
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from trunks.management import demo_past
from trunks.management.demo_past import Deed, Past
from trunks.management.demo_stage import Stage
from trunks.models import User
from trunks.sandbox.estate import NORTHWIND, zoom_id
from trunks.workflow import sealing, signing_in

DAYS = 365
SEED = 18888123
TRUNKS = (("268", "18888"), ("281", "90001"))
KNOWN = Past(
    "Customer 7", "assign", 0, "18888123", "+14155550107", "kept", "Their first number; contract 2026-077"
)
# Nobody has decided on it in time: it was reminded of, and others are told.
OVERDUE = Past(
    "Litware Hospitality", "assign", 0, "18888500", "+14155550150", "waits", "Reception moves to the new wing"
)
CUSTOMERS = (
    *("Baldwin Museum of Science", "Bellows College", "Consolidated Messenger", "First Up Consultants"),
    *(
        "Graphic Design Institute",
        "Lakeshore Dental Group",
        "Liberty's Delightful Bakery",
        "Litware Hospitality",
    ),
    *(
        "Lucerne Publishing",
        "Margie's Travel",
        "Munson's Pickles",
        "Nod Publishers",
        "Olive Branch Veterinary",
    ),
    *(
        "Parnell Aerospace",
        "Proseware Legal",
        "Relecloud",
        "Riverside Property Management",
        "School of Fine Art",
    ),
    *("Southridge Video", "Summit Ridge Credit Union", "The Phone Company", "Wide World Importers"),
)
REASONS = (
    *(
        "New site opens next month",
        "Moves from another carrier",
        "Second line for the front desk",
        "Trial of one line",
    ),
    *("Seasonal hotline", "Contract renewed with one more number", "Helpdesk gets its own number"),
)
FATES = ("gone",) * 6 + ("denied",) * 2 + ("withdrawn",) * 2 + ("failed", "expired", "self")


def plan() -> list[Past]:
    """Return the year's requests in the order in which they are filed; those that are kept come true at the sandbox."""
    chance = random.Random(SEED)  # noqa: S311  # the same year in every demo, and no secret
    made = []
    for number in range(100):
        trunk = number % 2
        kept = number % 7 == 0
        customer = (
            CUSTOMERS[number // 7] if kept and number // 7 < len(CUSTOMERS) else chance.choice(CUSTOMERS)
        )
        dnis = f"{TRUNKS[trunk][1]}{600 + number}"
        caller_id = "" if number % 3 == 0 else f"+1415555{2000 + number}"
        fate = "kept" if kept else chance.choice(FATES)
        made.append(Past(customer, "assign", trunk, dnis, caller_id, fate, chance.choice(REASONS)))
    return [*made[:73], KNOWN, *made[73:]]


def furnish() -> None:
    """Give the sandbox's customers what the year has left them with."""
    root = settings.ZOOM_API_URL.removesuffix("/v2")
    with requests.Session() as session:
        for past in (one for one in plan() if one.fate == "kept"):
            order = {
                "action": "put_trunk",
                "account_id": zoom_id(f"{NORTHWIND.account_id}/{past.customer}"),
                "trunk_id": TRUNKS[past.trunk][0],
                "dnis": past.dnis,
                "outbound_caller_id": past.caller_id,
            }
            session.post(f"{root}/_sandbox/console", json=order, timeout=5).raise_for_status()


def begun() -> datetime:
    """Return when the year is to have begun: at nine o'clock (UTC) of a day 365 days ago."""
    return (
        (timezone.now() - timedelta(days=DAYS))
        .astimezone(UTC)
        .replace(hour=8, minute=0, second=0, microsecond=0)
    )


@transaction.atomic
def tell(tell_time: Callable[[datetime], None], progress: Callable[[str], object]) -> None:
    """Write the year down, in one transaction, in the order in which everything is to have happened."""
    stage = Stage.of(NORTHWIND.account_id, [trunk for trunk, _ in TRUNKS])
    chance = random.Random(SEED)  # noqa: S311
    start = begun() + timedelta(days=1)
    deeds = [*_requests(stage, start, chance), *_days(stage, start, chance)]
    told = sorted((deed for deed in deeds if deed.at < _today()), key=lambda deed: deed.at)
    for deed in told:
        tell_time(deed.at)
        demo_past.in_context(deed.at, deed.do)
    progress(f"A year of the past is on record, in {len(told)} steps.")


def _today() -> datetime:
    """Return where the past ends: what happens today is real."""
    return timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _requests(stage: Stage, start: datetime, chance: random.Random) -> Iterator[Deed]:
    """Yield what happened to each request: it is filed at working hours, and decided some time later."""
    pasts = plan()
    for number, past in enumerate(pasts):
        at = _at_work(start + timedelta(days=(DAYS - 20) * number / len(pasts)), chance)
        waits = timedelta(days=44) if past.fate == "expired" else _waits(number, chance)
        yield from _told(stage, past, number, at, waits)
        if past.fate == "gone":
            later = _at_work(at + timedelta(days=chance.randint(20, 70)), chance)
            yield from _told(stage, past.removal(), number, later, _waits(number, chance))
    at = (_today() - timedelta(days=7)).replace(hour=10, minute=20)
    yield from (Deed(at, do) for do in stage.story(OVERDUE, 0))


def _told(stage: Stage, past: Past, number: int, at: datetime, waits: timedelta) -> Iterator[Deed]:
    """Yield one request from its filing on, unless it would still be under way today."""
    moments = [at, *(at + waits + step for step in demo_past.STEPS)]
    if moments[-1] < _today():
        yield from (Deed(moment, do) for moment, do in zip(moments, stage.story(past, number), strict=False))


def _waits(number: int, chance: random.Random) -> timedelta:
    """Return how long a decision took: mostly hours, now and then seconds, and sometimes days."""
    if number % 19 == 3:
        return timedelta(seconds=chance.randint(6, 25))
    if number % 13 == 5:
        return timedelta(days=chance.randint(1, 4))
    return timedelta(minutes=chance.randint(9, 420))


def _at_work(at: datetime, chance: random.Random) -> datetime:
    """Return a moment of that day when people are at work; one in twenty works late, or on a Sunday."""
    if chance.random() < 0.05:
        return at.replace(
            hour=chance.choice((6, 20, 21)), minute=chance.randint(0, 59), second=chance.randint(0, 59)
        )
    at += timedelta(days={5: 2, 6: 1}.get(at.weekday(), 0))
    return at.replace(hour=chance.randint(8, 15), minute=chance.randint(0, 59), second=chance.randint(0, 59))


def _days(stage: Stage, start: datetime, chance: random.Random) -> Iterator[Deed]:
    """Yield what happens on every day: its digest, sign-ins, now and then a reading, a refusal or a wrong password."""
    for number in range(DAYS):
        day = (start + timedelta(days=number)).replace(hour=0, minute=12)
        if day < timezone.now() - timedelta(days=2):
            yield Deed(day, demo_past.by_a_worker(partial(_seal, (day - timedelta(days=1)).date())))
        if number % 7 == 1:
            yield Deed(day.replace(hour=3), demo_past.by_a_worker(stage.synced))
        if day.weekday() in (0, 2, 3):
            person = chance.choice(stage.people)
            came = day.replace(hour=8, minute=chance.randint(0, 59))
            yield Deed(came, partial(_signs_in, person))
            if number % 11 == 4:
                yield Deed(came - timedelta(minutes=2), partial(_mistypes, person))
        if number in (120, 280):
            yield from stage.stopped(day.replace(hour=10))


def _seal(day: date, _: datetime) -> None:
    sealing.make(day)


def _signs_in(person: User, _: datetime) -> None:
    signing_in.signed_in(actor=person, by=["password"])


def _mistypes(person: User, _: datetime) -> None:
    signing_in.failed(person.email)
