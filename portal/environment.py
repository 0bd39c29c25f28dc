"""Reading the environment: each value is checked, and a bad one stops the start with the variable's name."""

import ipaddress
import math
import os
import sys
from datetime import date
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ImproperlyConfigured

from trunks import receivers, seals

LEAST_SIGNS, LEAST_VARIED = 50, 5  # as Django's check for deployment asks
MOST = 100_000_000.0  # three years in seconds: what is added to a time must not lead beyond the calendar
_FLAGS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off"), False)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def speak_plainly() -> None:
    """From here on, where a bad value ends the process, say its sentence alone: a traceback would bury it."""
    usual = sys.excepthook

    def say(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, ImproperlyConfigured):
            sys.stderr.write(f"{error}\n")
        else:
            usual(kind, error, trace)

    sys.excepthook = say


def text(name: str, default: str | None = None) -> str:
    """Return the variable `name`; without a default it must be set."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set.")
    return default


def secret(name: str, default: str | None = None) -> str:
    """Return the secret `name`, or the content of the file that `NAME_FILE` names."""
    path = os.environ.get(f"{name}_FILE", "").strip()
    if not path:
        return text(name, default)
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        # Without the cause: the error holds the bytes of the file.
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: it is not UTF-8.") from None
    if not value:
        raise ImproperlyConfigured(f"{name}_FILE names an empty file.")
    return value


def secret_words(name: str, default: str | None = None) -> list[str]:
    """Return a comma-separated list of secrets, or of those in the file that `NAME_FILE` names."""
    return [word.strip() for word in secret(name, default).split(",") if word.strip()]


def signing_secret(name: str, *, strong: bool) -> str:
    """Return a secret to sign with, `strong` for others than the machine itself: who guesses it makes sessions."""
    value = secret(name)
    if not strong:
        return value
    if len(value) < LEAST_SIGNS or len(set(value)) < LEAST_VARIED:
        raise ImproperlyConfigured(f"{name} must be at least {LEAST_SIGNS} random characters.")
    return value


def flag(name: str, *, default: bool = False) -> bool:
    value = text(name, "1" if default else "0").lower()
    if value not in _FLAGS:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")
    return _FLAGS[value]


def number(name: str, default: float, *, least: float = 0.0, most: float = MOST) -> float:
    """Return a number of at least `least` and at most `most`."""
    value = text(name, str(default))
    try:
        result = float(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {value!r}.") from None
    if not math.isfinite(result):
        raise ImproperlyConfigured(f"{name} must be a finite number.")
    if not least <= result <= most:
        bound = f"least {least:g}" if result < least else f"most {most:.0f}"
        raise ImproperlyConfigured(f"{name} must be at {bound}, not {value}.")
    return result


def whole(name: str, default: int, *, least: int = 0, most: float = MOST) -> int:
    result = number(name, default, least=least, most=most)
    if result != int(result):
        raise ImproperlyConfigured(f"{name} must be a whole number, not {result}.")
    return int(result)


def words(name: str, default: str = "", *, among: frozenset[str] | None = None) -> list[str]:
    """Return a comma-separated list. A variable that is set but empty means the empty list, not the default."""
    value = os.environ.get(name, default)
    result = [word.strip() for word in value.split(",") if word.strip()]
    unknown = sorted(set(result) - among) if among is not None else []
    if among is not None and unknown:
        raise ImproperlyConfigured(
            f"{name} holds {', '.join(unknown)}; allowed are {', '.join(sorted(among))}."
        )
    return result


def pairs(name: str, *, among: frozenset[str]) -> dict[str, str]:
    """Return a comma-separated list of `key=value`, each value one of `among`."""
    found: dict[str, str] = {}
    for word in words(name):
        key, equals, value = word.rpartition("=")
        if not equals or not key or value not in among:
            raise ImproperlyConfigured(
                f"{name} must hold pairs such as group=role; roles are {', '.join(sorted(among))}, not {word!r}."
            )
        found[key] = value
    return found


def choice(name: str, default: str, *, among: frozenset[str]) -> str:
    """Return one of the words `among`, in whatever case it was written."""
    written = text(name, default)
    value = next((word for word in among if word.upper() == written.upper()), "")
    if not value:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(sorted(among))}, not {written!r}.")
    return value


def folder(name: str, default: Path) -> Path:
    """Return a folder, which is made where it is missing."""
    return made(name, Path(text(name, str(default))).resolve(), mode=0o700)


def made(name: str, path: Path, *, mode: int = 0o777) -> Path:
    """Return the folder `path`, made where it is missing; `name` is the variable that put it there."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name} must be a folder: {path}: {error.strerror}.") from error
    return path


def redis_address(name: str) -> str:
    """Return Redis's address or "". It may hold a password, and is never repeated."""
    value = secret(name, "")
    try:
        parts = urlsplit(value)
        found = parts.path if parts.scheme == "unix" else parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number
        found = ""
    if value and not (found and parts.scheme in ("redis", "rediss", "unix")):
        raise ImproperlyConfigured(f"{name} must begin with redis://, rediss:// or unix://, and be complete.")
    return value


def hosts(name: str, default: str) -> list[str]:
    """Return host names; an address among them would answer nobody, and without any it is `default`."""
    found = words(name, default) or [default]
    for host in found:
        if "/" in host or " " in host:
            raise ImproperlyConfigured(
                f"{name} must hold host names such as portal.example.org, not {host!r}."
            )
    return found


def weekdays(name: str, default: str) -> frozenset[int]:
    """Return days of the week (Monday is 0) from a list of days and spans, such as `mon-thu,sat`; at least one."""
    value = text(name, default).lower()
    found: set[int] = set()
    for part in value.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if first not in WEEKDAYS or last not in WEEKDAYS:
            raise ImproperlyConfigured(f"{name} must be days such as mon-fri or mon,wed, not {value!r}.")
        start, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
        found.update(day % 7 for day in range(start, (end if end >= start else end + 7) + 1))
    return frozenset(found)


def zone(name: str, default: str) -> ZoneInfo:
    """Return a time zone by its name in the tz database."""
    value = text(name, default)
    try:
        return ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ImproperlyConfigured(
            f"{name} must be a time zone such as Europe/Madrid, not {value!r}."
        ) from None


def dates(name: str) -> frozenset[date]:
    """Return a comma-separated list of dates, such as 2026-12-25."""
    try:
        return frozenset(date.fromisoformat(word) for word in words(name))
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be dates such as 2026-12-25,2027-01-01.") from None


def is_loopback(host: str) -> bool:
    return host == "localhost" or (is_ip_address(host) and ipaddress.ip_address(host).is_loopback)


def is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def web_address(name: str, default: str | None = None, *, root: bool = False) -> str:
    """Return an https address, or an http one on the loopback interface: tokens never travel in clear text.

    `root` is for one without a path.
    """
    value = text(name, default).rstrip("/")
    try:
        parts = urlsplit(value)
        complete = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # an unclosed bracket; a port that is no number
        complete = False
    if not complete:
        raise ImproperlyConfigured(
            f"{name} must be a complete web address, such as https://portal.example.org."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ImproperlyConfigured(f"{name} must hold no credentials, query or fragment.")
    if root and parts.path:
        raise ImproperlyConfigured(f"{name} must hold no path: the portal is at the root of its host.")
    if not (parts.hostname or "").isascii():
        raise ImproperlyConfigured(f"{name} must be written as browsers send it: the host as xn--….")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ImproperlyConfigured(f"{name} must be https (http is for loopback addresses only).")
    return value


def host_of(address: str) -> str:
    """Return the host of an address as a browser names it: an IPv6 address stands in brackets."""
    host = str(urlsplit(address).hostname)
    return f"[{host}]" if ":" in host else host


def signing_key(name: str) -> Ed25519PrivateKey | None:
    """Return the Ed25519 key that signs, from PEM or from its 32 bytes in base64; None where none is set."""
    value = secret(name, "")
    try:
        return seals.private_key(value) if value else None
    except seals.NotAKey as error:
        raise ImproperlyConfigured(f"{name} {error}") from None


def trusted_keys(name: str, signing: Ed25519PrivateKey | None) -> list[seals.TrustedKey]:
    """Return the public keys whose signatures count; without any, the one of the key that signs."""
    own = seals.public_bytes(signing) if signing else None
    try:
        keys = [seals.trusted_key(word) for word in words(name)]
    except seals.NotAKey as error:
        raise ImproperlyConfigured(f"{name}: one of its entries {error}") from None
    if own and not keys:
        return [seals.TrustedKey(own)]
    if own and own not in {key.public for key in keys}:
        raise ImproperlyConfigured(f"{name} does not hold the public key of the signing key.")
    return keys


def receiver(name: str) -> receivers.Receiver | None:
    """Return where events are streamed to, or None where they are not."""
    value = text(name, "")
    try:
        return receivers.receiver(value) if value else None
    except receivers.NotAReceiver as error:
        raise ImproperlyConfigured(f"{name} {error}") from None


def fernet_keys(name: str) -> list[str]:
    """Return the Fernet keys, first the one that encrypts; at least one."""
    keys = secret_words(name)
    for position, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            raise ImproperlyConfigured(f"{name}: key {position} is not a Fernet key.") from None
    if not keys:
        raise ImproperlyConfigured(f"{name} holds no key.")
    return keys
