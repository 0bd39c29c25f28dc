"""The house rules that only a reader of the code can check, so that no review has to."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

from portal.celery import app
from portal.version import VERSION
from tests.matrix import scene
from tests.processes import ROOT
from trunks import dispatch

TOP_LEVEL = {
    *(
        "manage.py",
        "pyproject.toml",
        "portal",
        "trunks",
        "templates",
        "static",
        "tests",
        "docker-compose.yml",
    ),
    *(
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "Dockerfile",
        "docs",
        "requirements",
    ),
}
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PINNED = r"[\w.\-]+(?:\[[\w\-, ]+\])?"
LEFT_OPEN = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
# The spellings of a write: Model(...), Model.objects.create(...), objects.bulk_create([Model(...)]).
CREATORS = {"create", "bulk_create", "get_or_create", "update_or_create"}


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files of the repository, as paths relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    found = tuple(Path(name) for name in listed.split("\0") if name and (ROOT / name).exists())
    assert Path("manage.py") in found
    return found


def code(*folders: str) -> list[Path]:
    """Return the Python files in `folders` without the migrations."""
    return [
        path
        for path in tracked()
        if path.suffix == ".py" and path.parts[0] in folders and "migrations" not in path.parts
    ]


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))


def written_state(node: ast.AST) -> str | None:
    """Return what `node` writes a state of (`x` of `x.state = …` and of `x.update(state=…)`), or None."""
    match node:
        case ast.Assign(targets=targets):
            owners = [
                target.value
                for target in targets
                if isinstance(target, ast.Attribute) and target.attr == "state"
            ]
        case ast.AugAssign(target=ast.Attribute(value=value, attr="state")):
            owners = [value]
        case ast.AnnAssign(target=ast.Attribute(value=value, attr="state")):
            owners = [value]
        case ast.Call(func=ast.Attribute(value=value, attr="update" | "aupdate"), keywords=keywords):
            owners = [value for keyword in keywords if keyword.arg == "state"]
        case ast.Call(func=ast.Name(id="setattr"), args=[value, ast.Constant(value="state"), *_]):
            owners = [value]
        case _:
            owners = []
    return ast.unparse(owners[0]) if owners else None


def states_written(*, of_lines: bool) -> list[str]:
    """Return the files of the app that write a state, once for each write: of lines, or of all other things.

    The sandbox is left out: it keeps records of its own, as Zoom does.
    """
    own = [path for path in code("trunks") if path.parts[1] != "sandbox"]
    writes = [(str(path), owner) for path in own for node in nodes(path) if (owner := written_state(node))]
    return [
        path for path, owner in writes if bool(re.search(r"\b(?:Line\.objects|lines?)\b", owner)) is of_lines
    ]


def creates_an_event(node: ast.AST) -> bool:
    """Say whether `node` is `AuditEvent(…)` or `AuditEvent.<manager>.create(…)` and its like."""
    match node:
        case ast.Call(func=ast.Name(id="AuditEvent") | ast.Attribute(attr="AuditEvent")):
            return True
        case ast.Call(func=ast.Attribute(attr=attr, value=value)) if attr in CREATORS:
            return "AuditEvent" in ast.unparse(value)
    return False


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("trunk_request.state = 'done'", ["trunk_request"]),
        ("rows.filter(pk=1).update(version=2, state=DONE)", ["rows.filter(pk=1)"]),
        ("setattr(row, 'state', 'done')", ["row"]),
        ("row.state += 'x'", ["row"]),
        ("row.state: str = 'x'", ["row"]),
        ("rows.filter(state='done')", []),
        ("state = row.state", []),
        ("if row.state == 'done': pass", []),
    ],
)
def test_the_reader_knows_a_write_of_a_state_when_it_sees_one(line: str, expected: list[str]) -> None:
    assert list(filter(None, map(written_state, ast.walk(ast.parse(line))))) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("AuditEvent(action='x')", True),
        ("models.AuditEvent(action='x')", True),
        ("AuditEvent.objects.create(action='x')", True),
        ("AuditEvent.objects.using('a').bulk_create(rows)", True),
        ("AuditEvent.objects.filter(action='x')", False),
        ("TrunkRequest.objects.create()", False),
    ],
)
def test_the_reader_knows_a_creation_of_an_event_when_it_sees_one(line: str, *, expected: bool) -> None:
    assert any(creates_an_event(node) for node in ast.walk(ast.parse(line))) is expected


def test_the_state_of_a_request_is_written_in_one_line() -> None:
    assert states_written(of_lines=False) == ["trunks/workflow/transitions.py"]


def test_the_state_of_lines_is_written_in_one_line() -> None:
    assert states_written(of_lines=True) == ["trunks/workflow/transitions.py"]


def test_an_audit_event_is_created_in_one_line() -> None:
    """By a statement, of which there is one for each database, and nowhere by the model."""
    files = code("trunks", "portal")
    assert [str(path) for path in files for node in nodes(path) if creates_an_event(node)] == []
    said = re.compile(r"(?:INSERT|REPLACE)(?: OR \w+)? INTO \W?(?:\{table\}|\{event\}|trunks_auditevent\b)")
    found = [str(path) for path in files for _ in said.findall((ROOT / path).read_text(encoding="utf-8"))]
    assert found == ["trunks/audit.py"] * 2


def test_whoever_records_lets_the_events_come_last() -> None:
    """See `audit.change`: else the lock of the chain would be held through whatever else the transaction does."""
    texts = {
        path: (ROOT / path).read_text(encoding="utf-8") for path in code("trunks") if "workflow" in path.parts
    }
    recording = {path: text for path, text in texts.items() if re.search(r"audit\.record\(|\bmove\(", text)}
    assert len(recording) > 20
    assert [path for path, text in recording.items() if "transaction.atomic" in text] == []


def test_every_client_of_the_app_heeds_the_stop_and_is_counted() -> None:
    users = [str(path) for path in code("trunks") if "connections.client_for" in (ROOT / path).read_text()]
    assert users == ["trunks/workflow/speaking.py"]


def test_every_task_that_is_rung_exists() -> None:
    app.loader.import_default_modules()
    named = {
        value for name, value in vars(dispatch).items() if name.isupper() and str(value).startswith("trunks.")
    }
    assert named
    assert named == set(dispatch.TASK_NAMES)
    assert named <= set(app.tasks)


def test_every_task_on_the_clock_exists() -> None:
    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert scheduled
    assert scheduled <= set(app.tasks)


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_hashes_and_no_host(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"://|--(?:index-url|extra-index-url|find-links|trusted-host)", text)
    pins = re.findall(rf"^({PINNED})==", text, re.MULTILINE)
    assert pins
    assert len(re.findall(rf"^{PINNED}==[^\n]*\\\n    --hash=sha256:", text, re.MULTILINE)) == len(pins)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_keeps_the_extras_or_older_pips_refuse_it_after_the_next_release(lock: Path) -> None:
    # Debian 12's pip takes `kombu[redis]` for another thing than a pinned `kombu`: it looks at the newest release
    # first, and refuses that one because the lock has no hash for it.
    asked = re.findall(
        r"^([\w.\-]+\[[\w\-,]+\])", lock.with_suffix(".in").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {name.replace(",", ", ") for name in asked} <= _pins(lock).keys()


def test_there_is_a_lock_for_every_list() -> None:
    assert (
        {lock.stem for lock in LOCKS} == {path.stem for path in (ROOT / "requirements").glob("*.in")} != set()
    )


def test_the_version_is_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION


def test_what_production_runs_on_is_what_was_tested() -> None:
    base, dev = (_pins(ROOT / "requirements" / name) for name in ("base.txt", "dev.txt"))
    assert base.items() <= dev.items()


def _pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(rf"^({PINNED})==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_front_end_lock_names_hashes_and_no_host() -> None:
    text = (ROOT / "static" / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert text.count('"integrity": "sha512-') == text.count('"node_modules/')


def test_no_built_file_is_committed() -> None:
    assert not [path for path in tracked() if re.search(r"\.min\.(?:js|css)$|\.map$", path.name)]


def test_the_top_level_holds_what_was_agreed() -> None:
    names = {path.parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_no_file_has_grown_too_long() -> None:
    lengths = {
        path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in code("trunks", "portal")
    }
    assert lengths
    assert {str(path): length for path, length in lengths.items() if length > 300} == {}


def test_nothing_is_left_open() -> None:
    kinds = {".py", ".html", ".css", ".js", ".md", ".yml", ".toml", ".txt", ""}
    texts = [path for path in tracked() if path.suffix in kinds and path.name != "LICENSE"]
    assert len(texts) > 20
    assert [str(path) for path in texts if LEFT_OPEN.search((ROOT / path).read_text(encoding="utf-8"))] == []


def test_no_test_is_skipped() -> None:
    marks = re.compile(r"pytest\." + r"(?:mark\.)?(?:skip|xfail|importorskip)")
    assert [
        str(path) for path in code("tests") if marks.search((ROOT / path).read_text(encoding="utf-8"))
    ] == []


def test_djangos_admin_is_absent() -> None:
    assert not apps.is_installed("django.contrib.admin")
    assert not [route.pattern for route in scene.routes() if "admin" in route.pattern]
