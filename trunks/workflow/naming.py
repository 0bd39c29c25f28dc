"""What somebody can be called, and written to: names stand in the midst of the sentences that tell of decisions."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.encoding import punycode

from trunks.workflow import rules

EMAIL_MAX_LENGTH = 254  # as the columns of people and of invitations have it
# They turn round, or keep from turning, all that follows in the line: a name could rewrite the sentence around it.
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def problems(name: str, most: int) -> Iterable[str]:
    """Yield why nobody can be called so."""
    yield from rules.text_problems(name, most)
    if rules.says_nothing(name):
        yield "Give a name that can be seen."
    elif any(map(_controls, name)):
        yield "A name is one line, without characters that control how it is shown."


def seemly(name: str) -> str:
    """Return a name from elsewhere, which nobody can refuse, as it can stand here; "" where nothing of it is seen."""
    shown = " ".join("".join(" " if _controls(sign) else sign for sign in name).split())
    return "" if rules.says_nothing(shown) else shown


def is_address(email: str) -> bool:
    """Say whether the column can hold the address, and a letter be sent there; Django alone takes others as well."""
    try:
        validate_email(email)
        punycode(email.rpartition("@")[2])
    except (ValidationError, UnicodeError):
        return False
    return len(email) <= EMAIL_MAX_LENGTH


def _controls(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Zl", "Zp") or sign in _TURNING
