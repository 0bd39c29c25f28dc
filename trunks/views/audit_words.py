"""One field for everything: a DNIS, a number of a request, a sub account, a person, an address, or any words."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from django.conf import settings

from trunks import access
from trunks.audit_index import Standing
from trunks.audit_reading import READERS, readable
from trunks.forms.audit import facets_for
from trunks.models import AuditNumber, User
from trunks.numbers import is_digits
from trunks.references import reference_to

SUGGESTED = 5
_REQUEST = re.compile(r"TR-?0*([1-9][0-9]{0,17})\Z", re.IGNORECASE)
_REQUEST_ID = re.compile(r"[0-9a-f]{32}\Z")
_MARKS = ".,;:?!'\"()"
_DIGITS = re.compile(r"[0-9]{3,20}\Z")


@dataclass(frozen=True)
class Suggestion:
    """Something that the words may mean, and the filter that finds its events."""

    kind: str
    title: str
    values: dict[str, str]


@dataclass(frozen=True)
class Understood:
    """What the words surely mean (filters, or nothing), and otherwise what they may mean."""

    filters: dict[str, str] = field(default_factory=dict)
    suggestions: list[Suggestion] = field(default_factory=list)


def understand(user: User, words: str, standing: Standing) -> Understood:
    """Return what somebody means who typed `words` into the one field."""
    words = words.strip()
    if certain := _by_form(user, words):
        return Understood(certain)
    found = _accounts(user, words) + _people(user, words, standing) + _named_among(words)
    exact = [one for one in found if one.title.casefold() == words.casefold()]
    return Understood(exact[0].values if len(exact) == 1 else {}, found)


def _named_among(words: str) -> list[Suggestion]:
    """Return the requests and DNIS that stand among several words: who asks a question in full is shown the way.

    Whether there are events of them is not looked up: it would tell of master accounts that somebody does not read.
    """
    some = [word.strip(_MARKS) for word in words.split()]
    if len(some) < 2:
        return []
    found = []
    for word in dict.fromkeys(some):
        if request := _REQUEST.match(word):
            values = {"object_type": "trunkrequest", "object_id": request[1]}
            found.append(Suggestion("Request", reference_to(int(request[1])), values))
        elif is_digits(word) and settings.DNIS_PREFIX_LENGTH <= len(word) <= settings.DNIS_MAX_LENGTH:
            found.append(Suggestion("DNIS", word, {"dnis": word}))
    return found[:SUGGESTED]


def _by_form(user: User, words: str) -> dict[str, str]:
    if request := _REQUEST.match(words):
        return {"object_type": "trunkrequest", "object_id": request[1]}
    if _DIGITS.match(words) and _is_number(user, words):
        return {"dnis": words}
    if _REQUEST_ID.match(words):
        return {"request_id": words}
    try:
        return {"ip": str(ipaddress.ip_address(words))}
    except ValueError:
        return {}


def _is_number(user: User, words: str) -> bool:
    """Say whether an event that `user` may read is about the DNIS: for all others it is digits like any."""
    told = AuditNumber.objects.filter(dnis=words)
    if access.for_all_masters(user, *READERS):
        return told.exists()
    return readable(user).filter(pk__in=told.values("event_id")).exists()


def _accounts(user: User, words: str) -> list[Suggestion]:
    found = (
        access.sub_accounts_for(user).filter(name__icontains=words).order_by("name", "id")[: SUGGESTED + 1]
    )
    accounts = sorted(found, key=lambda account: account.name.casefold() != words.casefold())
    return [Suggestion("Sub account", str(row), {"sub_account": str(row.pk)}) for row in accounts[:SUGGESTED]]


def _people(user: User, words: str, standing: Standing) -> list[Suggestion]:
    facets = facets_for(user, standing)
    people = {facet.actor: facet.actor_name for facet in facets if facet.actor_name}
    fitting = [(pk, name) for pk, name in people.items() if words.casefold() in name.casefold()]
    return [Suggestion("Person", name, {"actor": str(pk)}) for pk, name in fitting[:SUGGESTED]]
