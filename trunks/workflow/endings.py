"""What happens to the DNIS of a request that ends without being carried out; it differs by kind."""

from __future__ import annotations

from trunks.models import Kind

_STAY = "the customer's trunks stay as they are"
_FOLLOWS: dict[str, str] = {
    Kind.ASSIGN: "its DNIS are free for others again",
    Kind.UNASSIGN: _STAY,
    # It holds a new DNIS, unless the caller ID alone is to be changed.
    Kind.CHANGE: f"{_STAY}, and any new DNIS is free for others again",
}


def follows(kind: str) -> str:
    """Return what follows, as a part of a sentence."""
    return _FOLLOWS[kind]


def sentence(kind: str) -> str:
    """Return what follows, as a sentence of its own."""
    said = follows(kind)
    return f"{said[0].upper()}{said[1:]}."
