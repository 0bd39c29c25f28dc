"""A bad value of the environment stops every process with the variable's name, and never with its secret."""

import json
import secrets
from pathlib import Path

import pytest

from tests.processes import run

BAD_VALUES = [
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
]
# Most of a start is reading other modules than the settings. That is done once; each start is a child that goes on.
STARTS = """
import json, os, sys
from portal import database, environment, logs, oidc
assert "portal.settings" not in sys.modules
ended = []
for number, given in enumerate(json.loads(sys.argv[2])):
    if (child := os.fork()) == 0:
        os.dup2(os.open(f"{sys.argv[1]}/{number}", os.O_CREAT | os.O_WRONLY), 2)
        os.environ |= given
        try:
            import portal.settings
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(ended))
"""


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[int, str]]:
    """Return, for each bad value, how a start with it ends, and what is written then."""
    folder = tmp_path_factory.mktemp("starts")
    given = [{name: value} for name, value, _ in BAD_VALUES]
    ended = run(["-c", STARTS, str(folder), json.dumps(given)], DATA_DIR=str(folder))
    assert ended.stderr == ""
    written = [(folder / str(number)).read_text() for number in range(len(BAD_VALUES))]
    values = [(name, value) for name, value, _ in BAD_VALUES]
    return dict(zip(values, zip(json.loads(ended.stdout), written, strict=True), strict=True))


@pytest.mark.parametrize(("name", "value", "words"), BAD_VALUES)
def test_the_portal_does_not_start_with_a_bad_value(
    name: str, value: str, words: str, starts: dict[tuple[str, str], tuple[int, str]]
) -> None:
    status, written = starts[name, value]
    # One sentence and no traceback, which would bury it.
    (said,) = written.strip().splitlines()
    assert status != 0
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
