"""The rules for DNIS and caller IDs: pure functions, used by models and workflow alike.

Source: Zoom's text of `POST /accounts/{accountId}/sip_trunk/trunks` (5 to 8 characters, the first five equal to those
of the master trunk's DNIS; caller ID at most 32 characters). "Digits only" is the text's word, not a pattern of
Zoom's file.
"""

import re
import unicodedata
from collections.abc import Container, Iterator

PREFIX_LENGTH = 5
MAX_LENGTH = 8
CALLER_ID_MAX_LENGTH = 32

_E164 = re.compile(r"\+[1-9][0-9]{6,14}\Z")
_DIGITS = re.compile(r"[0-9]+\Z")
# Of a SIP or tel address: what stands before its number, and after it. An extension (;ext=) tells callers apart.
_AROUND_THE_NUMBER = re.compile(
    r"^(?:.*?[^0-9a-z_])??(?:sips?|tel):|(?:[@>?]|;(?!ext=)).*", re.DOTALL | re.IGNORECASE | re.ASCII
)
_PUNCTUATION = re.compile(r"[ ()./-]")
_BETWEEN = {"Zs", "Pd", "Cf"}  # spaces and dashes, also those that do not break, and signs that nobody sees


def prefix_of(dnis: str, length: int = PREFIX_LENGTH) -> str:
    """Return the DNIS prefix of a master trunk: the first `length` digits of its DNIS, or "" when it has none.

    A prefix that is too short, or not of ASCII digits, is no prefix: nothing may be assigned under it.
    """
    prefix = dnis[:length]
    return prefix if len(prefix) == length and is_digits(prefix) else ""


def is_digits(text: str) -> bool:
    """Say whether `text` is digits 0 to 9 and nothing else, at least one."""
    return bool(_DIGITS.match(text))


def may_mean(shown: str, dnis: str) -> bool:
    """Say whether a list may mean `dnis` by `shown`, which is not how it is written: with signs, or without zeros.

    A number in JSON has no leading zeros.
    """
    if is_digits(shown):
        return shown != dnis and shown == dnis.lstrip("0")
    return dnis in re.sub(r"[^0-9]", "", shown)


def dnis_problems(
    dnis: str, prefix: str | None, *, prefix_length: int = PREFIX_LENGTH, max_length: int = MAX_LENGTH
) -> list[str]:
    """Return every rule that `dnis` breaks, each as a sentence for the person who typed it; empty when it is good.

    `prefix` None means that no trunk is chosen, so that there is no prefix yet to hold it against.
    """
    if not dnis:
        return ["Enter a DNIS."]
    problems = []
    if not is_digits(dnis):
        problems.append(
            "A DNIS is written with the digits 0 to 9 only: no spaces, signs or other characters."
        )
    # What is no digit has been told of: "18888 123" has eight of them, and is not too long as well.
    digits = sum(sign.isdigit() for sign in dnis)
    if not prefix_length <= digits <= max_length:
        problems.append(f"A DNIS has {prefix_length} to {max_length} digits; this has {digits}.")
    if prefix is None:
        return problems
    if not prefix:
        problems.append("This trunk has no usable DNIS prefix at Zoom, so nothing can be assigned under it.")
    elif not dnis.startswith(prefix):
        problems.append(f"The DNIS must begin with {prefix}, the prefix of the chosen trunk.")
    return problems


def caller_id_problems(caller_id: str) -> list[str]:
    """Return every rule that `caller_id` breaks; the empty caller ID is good (it is optional)."""
    problems = []
    if len(caller_id) > CALLER_ID_MAX_LENGTH:
        problems.append(
            f"A caller ID has at most {CALLER_ID_MAX_LENGTH} characters; this has {len(caller_id)}."
        )
    if not caller_id or _E164.match(caller_id) or is_digits(caller_id):
        return problems
    if not caller_id.isprintable():
        problems.append("The caller ID holds a line break or another control character.")
    elif re.match(r"\+[0-9]*\Z", caller_id):
        problems.append("An E.164 number has 7 to 15 digits after the + and does not begin with 0.")
    elif re.fullmatch(r"\+?[0-9]+", _PUNCTUATION.sub("", caller_id), re.ASCII):
        problems.append("Write the caller ID without spaces or punctuation, such as +14155550100.")
    else:
        problems.append("A caller ID is an E.164 number such as +14155550100, or digits only.")
    return problems


def caller_id_key(caller_id: str) -> str:
    """Return what two spellings of one number have in common: +34600…, 0034600… and 34600… are the same caller.

    So are tel:+34600… and sip:+34600…@192.0.2.1: the digits of a host or of a parameter are not the number's. The drift
    page asks the database the same, in `CallerIdKey`.
    """
    number = re.sub(r"[^0-9+]", "", _AROUND_THE_NUMBER.sub("", caller_id))
    return re.sub(r"^00|\+", "", number)


def caller_id_to_send(shown: str) -> str:
    """Return a caller ID of Zoom's list as it can be assigned again: E.164 or digits, as the portal sends them.

    A list may show it with punctuation, or as an address that Zoom would not take back. Where no number can be read out
    of it, it stays as it is, cut to the length that Zoom takes.
    """
    bare = re.sub(r"[\s()./]", "", _AROUND_THE_NUMBER.sub("", shown))
    number = "".join(sign for sign in bare if unicodedata.category(sign) not in _BETWEEN)
    return shown[:CALLER_ID_MAX_LENGTH] if caller_id_problems(number) or not number else number


def candidates(prefix: str, *, max_length: int = MAX_LENGTH) -> Iterator[str]:
    """Yield every DNIS of full length under `prefix`, in order (1,000 of them with Zoom's limits)."""
    room = max_length - len(prefix)
    for number in range(10**room):
        yield f"{prefix}{number:0{room}d}" if room else prefix


def next_free(prefix: str, taken: Container[str], *, max_length: int = MAX_LENGTH) -> str | None:
    """Return the lowest DNIS of full length under `prefix` that is not taken, or None when the range is used up."""
    return next((dnis for dnis in candidates(prefix, max_length=max_length) if dnis not in taken), None)
