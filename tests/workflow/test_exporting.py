"""Handing the trail over: what a manager downloads is verified by whoever gets it, with what lies beside it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from tests.processes import PYTHON, ROOT
from tests.sealed import Sealed
from trunks import audit, audit_export, audit_reading, seals
from trunks.actions import Action
from trunks.models import User
from trunks.workflow import exporting, preparing, verifying

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

COMMENTS = ("=1+1", "'quoted", " 'x", "+14155550100", "a\r\nb", 'say "no", or', "Zoë ＝", "")
Rows = list[list[str]]


@pytest.fixture
def sealed(settings: Settings, tmp_path: Path, staff: User, manager: User) -> Sealed:
    """Return a trail of a sealed day with all that a table could lose: events 1-10, the digest 11, 12, 13."""
    (tmp_path / "second").mkdir()
    portal = Sealed(settings, tmp_path / "second", staff)
    for text in COMMENTS:
        with transaction.atomic():
            audit.record(Action.ROLE_GRANTED, actor=staff, on=manager, comment=text, after={"said": text})
    with transaction.atomic():
        audit.record(Action.NOTICE_FAILED, actor=None, why="a test", on=manager, after={"was": None})
        audit.record(Action.REQUEST_APPROVED, actor=staff, on_behalf_of=manager, on=manager)
    portal.pass_days()
    portal.act(2)
    return portal


def unpacked(folder: Path, manager: User, **filters: Any) -> Path:
    """Return a folder with what a manager hands over, unpacked."""
    chosen = audit_reading.Filters(**filters)
    zipped = b"".join(exporting.export("zip", chosen, actor=manager, asked="x=1"))
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder / "got")
    return folder / "got"


def verify(folder: Path, *options: str, key: str = "") -> tuple[int, str]:
    """Run the verifier that lies beside the table, as its README says, isolated from everything of the portal."""
    key = key or (folder / "public_keys.txt").read_text()
    command = [
        PYTHON,
        "-I",
        "verify_export.py",
        "events.csv",
        "--proof=proof.jsonl",
        f"--key={key}",
        *options,
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return ended.returncode, ended.stdout + ended.stderr


def rows(folder: Path) -> Rows:
    with (folder / "events.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def write(folder: Path, table: Rows) -> None:
    with (folder / "events.csv").open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(table)


def test_who_has_no_portal_verifies_a_table_with_what_lies_beside_it(
    sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    folder = unpacked(tmp_path, manager)
    assert sorted(path.name for path in folder.iterdir()) == [
        *("README.txt", "events.csv", "proof.jsonl", "public_keys.txt", "verify_export.py")
    ]
    assert verify(folder) == (
        0,
        "In order: 14 events without a gap, 10 of them proven by 1 signed hashes.\n",
    )
    assert (
        'verify_export.py events.csv --proof proof.jsonl --key "$(cat' in (folder / "README.txt").read_text()
    )
    script = (folder / "verify_export.py").read_bytes()
    assert script == (ROOT / "docs" / "verify_export.py").read_bytes()


def test_a_table_is_the_same_with_its_proof_and_without(
    sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    chosen = audit_reading.Filters(until=None, actions=("role.granted",))
    alone = b"".join(exporting.export("csv", chosen, actor=manager, asked=""))
    folder = unpacked(tmp_path, manager, actions=("role.granted",))
    assert (folder / "events.csv").read_bytes() == alone


def test_a_filtered_table_says_how_much_it_leaves_out(sealed: Sealed, manager: User, tmp_path: Path) -> None:
    folder = unpacked(tmp_path, manager, actions=("role.granted", "notice.failed"))
    status, said = verify(folder)
    assert (status, said.split(",")[0]) == (
        0,
        "In order: 11 events with 1 gaps where this export leaves events out",
    )
    proof = json.loads((folder / "proof.jsonl").read_text())["proof"]
    assert (proof["events"], proof["first"], proof["last"], proof["filters"]) == (11, 1, 14, "x=1")


def test_an_empty_table_is_in_order(sealed: Sealed, manager: User, tmp_path: Path) -> None:
    folder = unpacked(tmp_path, manager, request_id="nothing")
    assert verify(folder)[1].startswith("In order: 0 events without a gap")


def test_taking_it_is_an_event_that_says_how_far_it_reached(
    sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    unpacked(tmp_path, manager)
    event = audit.history(manager).last()
    assert event is not None
    assert (event.action, event.after) == (
        "trail.exported",
        {"format": "zip", "filters": "x=1", "up_to_event": 14},
    )


def test_the_first_bytes_leave_before_the_last_event_is_read(
    sealed: Sealed, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_export, "PIECE", 1)
    stream = exporting.export("zip", audit_reading.Filters(), actor=manager, asked="")
    assert next(stream).startswith(b"PK")
    assert len(list(stream)) > 13


def test_a_prepared_table_is_verified_in_the_same_way(sealed: Sealed, manager: User, tmp_path: Path) -> None:
    file = preparing.ask("csv", audit_reading.Filters(), actor=manager, asked="")
    preparing.prepare(file.pk)
    file.refresh_from_db()
    with zipfile.ZipFile(io.BytesIO(b"".join(preparing.take(file, actor=manager)))) as archive:
        archive.extractall(tmp_path / "got")
    assert verify(tmp_path / "got")[1].startswith("In order: 14 events without a gap, 10 of them proven")


def cell(line: int, name: str, value: str) -> Callable[[Rows], Any]:
    return lambda table: table[line].__setitem__(table[0].index(name), value)


def add_column(table: Rows) -> None:
    for line in table:
        line.append("x")


ATTACKS: dict[str, tuple[Callable[[Rows], Any], str]] = {
    "a name is altered": (cell(3, "actor_name", "Somebody Else"), "event 3: a field or its hash was altered"),
    "a number is altered": (cell(3, "actor_id", "77"), "event 3: a field or its hash was altered"),
    "what was after is altered": (cell(2, "after", "{}"), "event 2: a field or its hash was altered"),
    "somebody is put where nobody was": (
        cell(9, "actor_id", "1"),
        "event 9: a field or its hash was altered",
    ),
    "a line is removed": (lambda table: table.pop(4), "there are 13 events here, and 14 were exported"),
    "the end is cut off": (lambda table: table.pop(), "there are 13 events here, and 14 were exported"),
    "two lines are swapped": (
        lambda table: table.insert(3, table.pop(4)),
        "event 3: it comes after event 4",
    ),
    "a line comes twice": (lambda table: table.insert(3, table[3]), "event 3: it comes after event 3"),
    "a cell is added": (lambda table: table[2].append("x"), "row 3 is not as the portal writes it"),
    "a column is added": (
        add_column,
        "row 1 is not as the portal writes it",
    ),
    "a hash is replaced": (cell(13, "hash", "f" * 64), "event 13: a field or its hash was altered"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_was_done_to_a_table_is_found(name: str, sealed: Sealed, manager: User, tmp_path: Path) -> None:
    attack, words = ATTACKS[name]
    folder = unpacked(tmp_path, manager)
    table = rows(folder)
    write(folder, table)
    assert verify(folder)[0] == 0
    attack(table)
    write(folder, table)
    status, said = verify(folder)
    assert (status, said.startswith("NOT IN ORDER: ")) == (1, True)
    assert words in said


def test_a_proof_of_another_key_or_another_export_is_none(
    sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    folder = unpacked(tmp_path, manager)
    assert "no key that you trust" in verify(folder, key="A" * 43 + "=")[1]
    other = unpacked(tmp_path / "other", manager, actions=("notice.failed",))
    (folder / "proof.jsonl").write_bytes((other / "proof.jsonl").read_bytes())
    assert "there are 14 events here, and 1 were exported" in verify(folder)[1]


def test_days_from_before_there_was_a_key_prove_nothing_and_contradict_nothing(
    settings: Settings, staff: User, manager: User, tmp_path: Path
) -> None:
    (tmp_path / "digests").mkdir()
    portal = Sealed(settings, tmp_path / "digests", staff)
    settings.AUDIT_SIGNING_KEY, settings.AUDIT_PUBLIC_KEYS = None, []
    portal.act(3)
    [unsigned] = portal.pass_days()
    since = unsigned.day + timedelta(days=1)
    portal.trust(portal.key, seals.TrustedKey(seals.public_bytes(portal.key), since=since))
    portal.act(2)
    assert verifying.verify().bad is None
    folder = unpacked(tmp_path, manager)
    key = (folder / "public_keys.txt").read_text().strip()
    status, said = verify(folder, key=key)
    assert (status, said.split(", ")[1].startswith("0 of them proven by 0 signed")) == (0, True)
    portal.pass_days()
    folder = unpacked(tmp_path / "later", manager)
    assert verify(folder, key=key) == (
        0,
        "In order: 10 events without a gap, 8 of them proven by 1 signed hashes.\n",
    )
    refused = verify(folder, key=key.partition("@")[0])
    assert refused == (
        1,
        f"NOT IN ORDER: digest of {unsigned.day}: no key that you trust for that day has signed it.\n",
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"", "In order: 0"),
        (b"id\r\n1\r\n", "row 1 is not as the portal writes it"),
        (b'"1', "Cannot be read: Error"),
        (b"id\r\nx\r\n", "row 1 is not as the portal writes it"),
        (b"\xff\xfe", "Cannot be read: UnicodeDecodeError"),
    ],
)
def test_what_is_no_table_is_said_to_be_none(
    table: bytes, words: str, sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    folder = unpacked(tmp_path, manager, request_id="nothing")
    (folder / "events.csv").write_bytes(table)
    assert words in verify(folder)[1]


def test_a_table_without_its_proof_is_not_called_in_order(
    sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    folder = unpacked(tmp_path, manager)
    command = [PYTHON, "-I", "verify_export.py", "events.csv", "--key=AAAA"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert (ended.returncode, "has its proof in a file of its own" in ended.stderr) == (2, True)
