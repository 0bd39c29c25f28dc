"""A bad value of the environment stops the start with the variable's name, and never with its secret."""

import base64
import os
import secrets
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ImproperlyConfigured

from portal import environment as env
from tests.processes import PYTHON, ROOT
from trunks import seals

NAME = "PORTAL_TEST_VALUE"
Set = Callable[[str], None]


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Set:
    return lambda value: monkeypatch.setenv(NAME, value)


def run(command: list[str], **given: str) -> subprocess.CompletedProcess[str]:
    """Run Python with `command` until it ends by itself, in the tests' environment and what is `given`."""
    return subprocess.run(
        [PYTHON, *command],
        cwd=ROOT,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


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
    ("name", "value", "words"),
    [
        ("SECRET_KEY", "", "is not set"),
        ("FIELD_ENCRYPTION_KEYS", "s3cret-and-no-key", "key 1 is not a Fernet key"),
        ("DATABASE_URL", "mysql://portal:s3cret@db/portal", "must begin with postgres:// or sqlite://"),
        ("DATABASE_URL", "s3cret", "must begin with"),
        ("DATABASE_URL", "pstgres://portal:s3cret@db/portal", "must begin with postgres:// or sqlite://"),
        ("SITE_URL", "http://portal.example.org", "must be https"),
        ("ZOOM_API_URL", "http://api.zoom.us/v2", "must be https"),
        ("LEASE_SECONDS", "1", "one and a half times HTTP_DEADLINE_SECONDS"),
        ("DNIS_MAX_LENGTH", "4", "must be at least 5"),
        ("AUDIT_RETENTION_MONTHS", "99999", "must be at most 1200"),
        ("AUDIT_STREAM", "syslog://siem..example.org:514", "must be file:"),
        ("REQUIRE_MFA", "staff,king", "holds king"),
        ("EMAIL_URL", "smtp+s3cret://:::", "EMAIL_URL cannot be understood"),
        ("QUIET_SECONDS", "soon", "must be a number"),
        ("AUDIT_SIGNING_KEY", "s3cret", "is not an Ed25519 key"),
        ("AUDIT_PUBLIC_KEYS", "no-key", "one of its entries is not a public key"),
        ("DIGEST_HOUR", "24", "must be at most 23"),
        ("LOG_LEVEL", "chatty", "must be one of CRITICAL, DEBUG"),
        ("SAME_BROWSER_DECISIONS", "never", "must be one of flag, refuse, not 'never'"),
        ("QUIET_SECONDS", "inf", "must be a finite number"),
        ("REDIS_URL", "http://:s3cret@redis", "must begin with redis://, rediss:// or unix://"),
        ("REDIS_URL", "redis://:s3cret@redis:port", "must begin with"),
        ("REDIS_URL", "redis://", "and be complete"),
        ("ALLOWED_HOSTS", "https://portal.example.org", "must hold host names"),
        ("DATA_DIR", "/dev/null", "must be a folder: /dev/null: File exists"),
        ("SITE_URL", "https://portal.example.org/trunks/", "must hold no path"),
        ("SITE_URL", "https://pörtal.example.org", "xn--"),
        ("EXPIRY_DAYS", "0", "must be at least"),
        ("EXPIRY_DAYS", "9999999", "must be at most 3650, not 9999999"),
        ("REMIND_DAYS", "9999999", "must be at most 3650"),
        ("ASK_PEOPLE_SECONDS", "9999999999999", "must be at most 100000000"),
    ],
)
def test_the_portal_does_not_start_with_a_bad_value(
    name: str, value: str, words: str, tmp_path: Path
) -> None:
    ended = run(["-c", "import portal.settings"], **{"DATA_DIR": str(tmp_path), name: value})
    # One sentence and no traceback, which would bury it.
    (said,) = ended.stderr.strip().splitlines()
    assert ended.returncode != 0
    assert name in said
    assert words in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("address", "host"),
    [("http://[::1]:8000", "[::1]"), ("http://127.0.0.1", "127.0.0.1"), ("https://Portal.org", "portal.org")],
)
def test_the_portal_answers_the_host_of_its_own_address(address: str, host: str, tmp_path: Path) -> None:
    asked = (
        "from portal.settings import ALLOWED_HOSTS as own; from django.http import request;"
        f" print(own, request.validate_host({host!r}, own))"
    )
    given = {"SITE_URL": address, "SECRET_KEY": secrets.token_urlsafe(50), "DATA_DIR": str(tmp_path)}
    given["ALLOWED_HOSTS"] = ""
    ended = run(["-c", asked], **given)
    assert ended.stdout.strip() == f"[{host!r}] True"


def test_former_keys_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "former").write_text("one, two\n")
    given = {"SECRET_KEY_FALLBACKS_FILE": str(tmp_path / "former"), "DATA_DIR": str(tmp_path)}
    ended = run(["-c", "from portal import settings; print(settings.SECRET_KEY_FALLBACKS)"], **given)
    assert ended.stdout.strip() == "['one', 'two']"


def test_a_data_folder_in_which_nothing_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "static").touch()
    ended = run(["-c", "import portal.settings"], DATA_DIR=str(tmp_path))
    assert ended.returncode != 0
    assert ended.stderr == f"DATA_DIR must be a folder: {tmp_path}/static: File exists.\n"


def test_beat_ends_with_a_sentence_where_it_cannot_write_its_schedule(tmp_path: Path) -> None:
    for suffix in ("", ".db", ".dat", ".dir", ".bak", ".pag"):
        (tmp_path / f"beat{suffix}").mkdir()
    ended = run(["-m", "celery", "-A", "portal", "beat", "--pidfile="], DATA_DIR=str(tmp_path))
    assert ended.returncode == 1
    assert f"beat cannot write its schedule in DATA_DIR ({tmp_path}): " in ended.stderr.splitlines()[-1]


def test_any_other_error_at_the_start_keeps_its_traceback(tmp_path: Path) -> None:
    ended = run(["-c", "import portal.settings; 1 / 0"], DATA_DIR=str(tmp_path))
    assert "Traceback" in ended.stderr
    assert "ZeroDivisionError" in ended.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["manage.py", "check"],
        ["-m", "celery", "-A", "portal", "worker"],
        ["-m", "celery", "-A", "portal", "beat"],
        ["-m", "gunicorn", "portal.wsgi", "--bind", "127.0.0.1:0", "--no-control-socket"],
    ],
)
def test_every_process_says_the_sentence_and_nothing_of_its_insides(
    command: list[str], tmp_path: Path
) -> None:
    ended = run(command, DATA_DIR=str(tmp_path), SITE_URL="http://portal.example.org")
    assert ended.returncode != 0
    assert "SITE_URL must be https (http is for loopback addresses only)." in ended.stderr.splitlines()
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", ["verify_audit", "archive_audit", "index_audit", "sync_estate"])
def test_a_command_without_its_database_says_so_in_a_sentence(command: str, tmp_path: Path) -> None:
    database = "postgres://portal:never-to-be-shown@127.0.0.1:9/portal"
    ended = run(["manage.py", command], DATA_DIR=str(tmp_path), DATABASE_URL=database)
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("The database did not let this come to its end; it can be run again. (")
    assert "Traceback" not in ended.stderr
    assert "never-to-be-shown" not in ended.stderr


@pytest.mark.parametrize("command", ["verify_audit", "sync_estate", "seed_demo"])
def test_a_command_before_migrate_says_what_to_do_first(command: str, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    people = ["--people"] if command == "seed_demo" else []
    ended = run(["manage.py", command, *people], DATA_DIR=str(tmp_path), DATABASE_URL=database)
    assert ended.returncode == 1
    assert "run `python manage.py migrate` first" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


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
