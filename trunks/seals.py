"""Digests of the audit trail: what is said about one day, who has signed it, and whose signature counts for that day.

Pure, without Django. What is signed is the very text of the statement, so that nothing has to be put in order again
before a signature can be checked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

VERSION = "portal-audit-digest-1"
GENESIS = "0" * 64
SEED_BYTES = 32
PROVEN, UNSIGNED = "signed", "not signed"


class NotAKey(ValueError):
    """The text is no Ed25519 key; the message says what it should be and never repeats it."""


@dataclass(frozen=True)
class Statement:
    """What a digest says: which events one day has, and which hash the last of them bears.

    `first` to `last` are positions in the chain; a day without events has `last` one below `first`. `previous` is the
    fingerprint of the statement before. `earliest` and `latest` are the times of the first and last event.
    """

    day: date
    first: int
    last: int
    head: str
    previous: str
    earliest: datetime | None
    latest: datetime | None
    key: str

    @property
    def count(self) -> int:
        return self.last - self.first + 1

    def text(self) -> str:
        """Return the statement as it is signed, sent and kept."""
        values = {
            "version": VERSION,
            "day": self.day.isoformat(),
            "count": self.count,
            "first": self.first,
            "last": self.last,
            "head": self.head,
            "previous": self.previous,
            "earliest": self.earliest.isoformat() if self.earliest else None,
            "latest": self.latest.isoformat() if self.latest else None,
            "key": self.key,
        }
        return json.dumps(values, separators=(",", ":"))


def fingerprint(text: str) -> str:
    """Return the SHA-256 of a statement, by which the next one takes it in."""
    return hashlib.sha256(text.encode()).hexdigest()


def envelope(text: str, signature: str) -> str:
    """Return the content of a digest's file: the statement as one text, so that its bytes stay, and the signature."""
    return json.dumps({"statement": text, "signature": signature}, indent=1) + "\n"


@dataclass(frozen=True)
class TrustedKey:
    """A public key, and the days whose digests it may have signed (both inclusive; None is open)."""

    public: bytes
    since: date | None = None
    until: date | None = None

    @property
    def id(self) -> str:
        return key_id(self.public)

    @property
    def text(self) -> str:
        """Return the key as `trusted_key` reads it."""
        span = f"@{self.since or ''}..{self.until or ''}" if self.since or self.until else ""
        return base64.b64encode(self.public).decode() + span

    def covers(self, day: date) -> bool:
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


def key_id(public: bytes) -> str:
    """Return the short name by which a digest says which key signed it."""
    return hashlib.sha256(public).hexdigest()[:16]


def private_key(text: str) -> Ed25519PrivateKey:
    """Return the private key from PEM, or from its 32 bytes in base64. Raises NotAKey."""
    try:
        if text.startswith("-----BEGIN"):
            key = load_pem_private_key(text.encode(), password=None)
        else:
            key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(text, validate=True))
    except (ValueError, TypeError, binascii.Error):
        key = None  # without the cause: the error may hold a part of the key
    if not isinstance(key, Ed25519PrivateKey):
        raise NotAKey("is not an Ed25519 key: neither PEM without a password nor 32 bytes in base64.")
    return key


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def trusted_key(text: str) -> TrustedKey:
    """Return the key from `BASE64`, or `BASE64@2026-01-01..2026-12-31` where either day may be left out.

    Raises NotAKey.
    """
    encoded, _, span = text.partition("@")
    try:
        public = base64.b64decode(encoded, validate=True)
        since, dots, until = span.partition("..")
        if len(public) != SEED_BYTES or (span and not dots):
            raise ValueError
        return TrustedKey(public, _day(since), _day(until))
    except (ValueError, binascii.Error):
        raise NotAKey("is not a public key: 32 bytes in base64, and perhaps @FIRST-DAY..LAST-DAY.") from None


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def sign(key: Ed25519PrivateKey, text: str) -> str:
    return base64.b64encode(key.sign(text.encode())).decode()


class Forged(Exception):
    """A digest that cannot be believed; the message goes on after "the digest of that day"."""


def judge(text: str, signature: str, keys: Sequence[TrustedKey]) -> str:
    """Return PROVEN, or UNSIGNED where no signature could be wanted; raise Forged otherwise.

    The key must have been valid on the day that is spoken of. Without that rule whoever gets hold of today's key could
    sign an old day anew, which is what journald's sealing let pass once (CVE-2023-31439).
    """
    said = read(text)
    return vouched(said.key, said.day, text, signature, keys)


def vouched(name: str, day: date, text: str, signature: str, keys: Sequence[TrustedKey]) -> str:
    """Return the same for any text that says it was signed by the key `name` on that day."""
    if not name:
        if any(key.since is None or key.since <= day for key in keys):
            raise Forged("is not signed, although there was a key for that day")
        return UNSIGNED
    known = [key for key in keys if key.id == name]
    if not known:
        raise Forged(f"is signed with key {name}, which is not trusted")
    if not any(key.covers(day) for key in known):
        raise Forged(f"is signed with key {name}, which was not valid on that day")
    if not _fits(known[0].public, text, signature):
        raise Forged("bears a signature that does not fit")
    return PROVEN


def read(text: str) -> Statement:
    """Return what a statement says. Raises Forged when it is none."""
    try:
        said = json.loads(text)
        if said["version"] != VERSION:
            raise ValueError
        return Statement(
            day=date.fromisoformat(said["day"]),
            first=int(said["first"]),
            last=int(said["last"]),
            head=str(said["head"]),
            previous=str(said["previous"]),
            earliest=_moment(said["earliest"]),
            latest=_moment(said["latest"]),
            key=str(said["key"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise Forged("cannot be read") from None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _fits(public: bytes, text: str, signature: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(
            base64.b64decode(signature, validate=True), text.encode()
        )
    except (InvalidSignature, ValueError):  # binascii.Error is a ValueError
        return False
    return True
