"""Values of the environment: each is read as what it is meant to be, or refused with the variable's name."""

import base64
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ImproperlyConfigured

from portal import environment as env
from trunks import seals

NAME = "PORTAL_TEST_VALUE"
Set = Callable[[str], None]


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Set:
    return lambda value: monkeypatch.setenv(NAME, value)


def refused(read: Callable[..., Any], *words: str, **options: Any) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        read(NAME, **options)
    assert str(caught.value).startswith(NAME)
    for word in words:
        assert word in str(caught.value)


def test_a_text_without_a_default_must_be_set(give: Set) -> None:
    refused(env.text, "is not set")
    give("  ")
    refused(env.text, "is not set")
    assert env.text(NAME, "else") == "else"
    give(" a value ")
    assert env.text(NAME) == "a value"


def test_a_secret_may_stand_in_a_file(give: Set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file\n")
    give("from the variable")
    assert env.secret(NAME) == "from the variable"
    monkeypatch.setenv(f"{NAME}_FILE", str(file))
    assert env.secret(NAME) == "from the file"
    file.write_text("\n")
    refused(env.secret, f"{NAME}_FILE names an empty file")
    file.unlink()
    refused(env.secret, f"{NAME}_FILE cannot be read")
    file.write_bytes(b"\xff\xfe")
    refused(env.secret, f"{NAME}_FILE cannot be read")


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("1", True),
        ("TRUE", True),
        ("yes", True),
        ("on", True),
        ("0", False),
        ("False", False),
        ("off", False),
    ],
)
def test_a_flag_is_yes_or_no(value: str, meaning: bool, give: Set) -> None:
    give(value)
    assert env.flag(NAME) is meaning


@pytest.mark.parametrize("value", ["2", "maybe", "truth"])
def test_any_other_flag_is_refused(value: str, give: Set) -> None:
    give(value)
    refused(env.flag, "must be 1 or 0", repr(value))


def test_a_flag_has_its_default() -> None:
    assert (env.flag(NAME), env.flag(NAME, default=True)) == (False, True)


@pytest.mark.parametrize("value", ["x", "1s", "nan", "inf", "-inf", "-1", "0.4", "1,5"])
def test_a_number_that_is_none_or_too_small_is_refused(value: str, give: Set) -> None:
    give(value)
    refused(env.number, "must be", default=1, least=0.5)


def test_a_number_is_read_as_one(give: Set) -> None:
    assert env.number(NAME, 3) == 3
    give("0.5")
    assert env.number(NAME, 3, least=0.5) == 0.5
    refused(env.whole, "must be a whole number", default=1)
    give("7")
    assert env.whole(NAME, 1) == 7


def test_pairs_are_read_and_checked(give: Set) -> None:
    roles = frozenset({"staff", "manager"})
    assert env.pairs(NAME, among=roles) == {}
    give("cn=a=staff, b=manager")
    assert env.pairs(NAME, among=roles) == {"cn=a": "staff", "b": "manager"}
    for bad in ("a", "=staff", "a=king"):
        give(bad)
        refused(env.pairs, NAME, "group=role", among=roles)


def test_a_list_of_words_is_read_and_checked(give: Set) -> None:
    known = frozenset({"a", "b"})
    assert env.words(NAME, "a") == ["a"]
    give(" a, ,b ")
    assert env.words(NAME, among=known) == ["a", "b"]
    give("")
    assert env.words(NAME, "a", among=known) == []
    give("a,z,y")
    refused(env.words, "holds y, z; allowed are a, b", among=known)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("https://api.zoom.us/v2/", "https://api.zoom.us/v2"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_is_https_or_on_this_machine(value: str, read: str, give: Set) -> None:
    give(value)
    assert env.web_address(NAME) == read


@pytest.mark.parametrize(
    "value",
    [
        *("http://example.com", "http://10.0.0.1", "http://127.0.0.1.example.com", "ftp://127.0.0.1"),
        *("example.com", "https://", "https://user:pass@example.com", "https://example.com/?q=1"),
        *("https://example.com/#x", "https://example.com:port", "https://[::1", "javascript:alert(1)"),
    ],
)
def test_any_other_address_is_refused(value: str, give: Set) -> None:
    give(value)
    refused(env.web_address)


def test_an_address_may_have_to_be_without_a_path_and_is_written_as_browsers_send_it(give: Set) -> None:
    give("https://example.com/v2/")
    refused(env.web_address, "must hold no path", root=True)
    give("https://example.com/")
    assert env.web_address(NAME, root=True) == "https://example.com"
    give("https://exämple.com")
    refused(env.web_address, "xn--")


def test_a_number_does_not_lead_beyond_the_calendar(give: Set) -> None:
    give("100000001")
    refused(env.number, "must be at most 100000000, not 100000001", default=1)
    refused(env.whole, "must be at most 10,", default=1, most=10)


def test_keys_are_fernet_keys_and_at_least_one(give: Set) -> None:
    one, two = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    give(f"{one}, {two}")
    assert env.fernet_keys(NAME) == [one, two]
    give(" , ")
    refused(env.fernet_keys, "holds no key")
    for bad in ("not-a-key", one[:-4], one + "ü"):
        give(f"{one},{bad}")
        refused(env.fernet_keys, "key 2 is not a Fernet key")


def test_the_key_that_signs_is_among_those_that_are_trusted(give: Set) -> None:
    key = Ed25519PrivateKey.generate()
    own = seals.TrustedKey(seals.public_bytes(key))
    other = seals.TrustedKey(b"x" * 32, since=date(2026, 1, 1))
    assert env.trusted_keys(NAME, None) == []
    assert env.trusted_keys(NAME, key) == [own]
    give(f"{other.text},{own.text}")
    assert env.trusted_keys(NAME, key) == [other, own]
    give(other.text)
    assert env.trusted_keys(NAME, None) == [other]
    refused(lambda name: env.trusted_keys(name, key), "does not hold the public key")


def test_a_receiver_of_the_audit_trail_is_an_address_or_none(give: Set) -> None:
    assert env.receiver(NAME) is None
    give("file:///var/log/audit.jsonl")
    assert env.receiver(NAME) is not None
    give("https://siem.example.org")
    refused(env.receiver, "must be file:///a/path")


def test_without_a_signing_key_there_is_none(give: Set) -> None:
    assert env.signing_key(NAME) is None
    give(base64.b64encode(b"x" * 32).decode())
    assert env.signing_key(NAME) is not None


@pytest.mark.parametrize("value", ["s3cret", "abcd" * 20])
def test_a_key_to_sign_with_is_strong_where_others_reach_the_portal(give: Set, value: str) -> None:
    give(value)
    refused(env.signing_secret, "must be at least 50 random characters", strong=True)
    assert env.signing_secret(NAME, strong=False) == value


@pytest.mark.parametrize(
    ("value", "days"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("Sun-Thu", {6, 0, 1, 2, 3}),
        ("mon, wed ,sat", {0, 2, 5}),
        ("mon-tue,sat", {0, 1, 5}),
        ("sat-sat", {5}),
    ],
)
def test_days_of_the_week_are_days_and_spans(give: Set, value: str, days: set[int]) -> None:
    give(value)
    assert env.weekdays(NAME, "mon") == days


@pytest.mark.parametrize("value", ["monday", "mon-", "mon-xyz", ",", "-", "1-5", "mon--fri"])
def test_what_is_no_day_is_refused(give: Set, value: str) -> None:
    give(value)
    refused(env.weekdays, "mon-fri", default="mon")


def test_a_zone_is_one_of_the_tz_database(give: Set) -> None:
    assert env.zone(NAME, "Europe/Madrid").key == "Europe/Madrid"
    for value in ("Nowhere/Land", "../../etc/passwd", "Europe"):
        give(value)
        refused(env.zone, "Europe/Madrid", default="UTC")


def test_holidays_are_dates(give: Set) -> None:
    assert env.dates(NAME) == frozenset()
    give("2026-12-25, 2027-01-01")
    assert sorted(map(str, env.dates(NAME))) == ["2026-12-25", "2027-01-01"]
    give("25.12.2026")
    refused(env.dates, "2026-12-25")
