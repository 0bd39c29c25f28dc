"""Prepared files: asked for, written in turns, and gone on with by the next worker."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models import F, QuerySet
from django.utils import timezone
from pytest_django import Settings

from tests.sealed import Sealed
from tests.together import together
from trunks import audit, audit_export, dispatch, tasks
from trunks.audit_lines import Piece
from trunks.audit_reading import Filters
from trunks.models import Ending, FilePart, PreparedFile, User, clock
from trunks.models.audit_event import AuditEvent
from trunks.workflow import preparing
from trunks.workflow.errors import Refused

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
Rings = list[tuple[str, int]]


@pytest.fixture(autouse=True)
def sealed(settings: Settings, tmp_path: object, staff: User, monkeypatch: pytest.MonkeyPatch) -> Sealed:
    """Return a trail of nine events, the last of which is a digest; three are a piece."""
    portal = Sealed(settings, tmp_path, staff)  # type: ignore[arg-type]
    portal.act(8)
    portal.pass_days()
    monkeypatch.setattr(audit_export, "PIECE", 3)
    return portal


def asked(manager: User, form: str = "csv", **filters: object) -> PreparedFile:
    return preparing.ask(form, Filters(**filters), actor=manager, asked="x=1")  # type: ignore[arg-type]


def told(file: PreparedFile) -> list[str]:
    return [event.action for event in audit.history(file)]


def lose(file: PreparedFile) -> None:
    """Let the lease of whoever works on it run out."""
    PreparedFile.objects.filter(pk=file.pk).update(lease_until=timezone.now() - timedelta(seconds=5))


def test_a_worker_prepares_a_table_with_its_proof(manager: User) -> None:
    file = asked(manager)
    tasks.prepare_file(file.pk)
    file.refresh_from_db()
    assert (file.ending, file.events, file.parts, file.under_way) == (Ending.READY, 9, 3, False)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(preparing.take(file, actor=manager))))
    assert archive.testzip() is None
    assert archive.namelist() == [
        *("events.csv", "proof.jsonl", "public_keys.txt", "verify_export.py", "README.txt")
    ]
    assert archive.read("events.csv").startswith(audit_export.HEADER)
    assert len(archive.read("events.csv").splitlines()) == 10
    proof = json.loads(archive.read("proof.jsonl"))["proof"]
    assert (proof["events"], proof["first"], proof["last"], len(proof["digests"])) == (9, 1, 9, 1)
    assert told(file) == ["file.asked", "file.ready", "file.taken"]


def test_json_lines_are_those_of_the_stream(manager: User, staff: User) -> None:
    file = asked(manager, "jsonl", actor=staff.pk, since=timezone.now() - timedelta(days=1), actions=())
    preparing.prepare(file.pk)
    file.refresh_from_db()
    *lines, last = b"".join(preparing.take(file, actor=manager)).splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(1, 9))
    assert json.loads(last)["proof"]["filters"] == "x=1"


def test_nothing_found_is_a_file_as_well(manager: User) -> None:
    file = asked(manager, "jsonl", request_id="nothing")
    preparing.prepare(file.pk)
    file.refresh_from_db()
    [line] = b"".join(preparing.take(file, actor=manager)).splitlines()
    assert json.loads(line)["proof"]["events"] == 0


@pytest.mark.parametrize("who", ["staff", "supervisor", "superuser", "stranger"])
def test_nobody_else_asks(who: str, request: pytest.FixtureRequest) -> None:
    with pytest.raises(Refused, match="Only managers and administrators"):
        asked(request.getfixturevalue(who))
    assert not PreparedFile.objects.exists()


def test_who_asks_twice_gets_the_one_that_is_being_prepared(manager: User, administrator: User) -> None:
    file = asked(manager)
    assert asked(manager, "jsonl") == file
    assert asked(administrator) != file
    assert told(file) == ["file.asked"]


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_once_one_prepares(manager: User) -> None:
    file = asked(manager)
    together(*[lambda: preparing.prepare(file.pk)] * 2)
    assert told(file) == ["file.asked", "file.ready"]
    assert FilePart.objects.count() == 3


def test_after_its_turn_a_worker_lets_others_in_and_goes_on_later(
    manager: User, rung: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "TURN", -1.0)
    file = asked(manager)
    for position in (3, 6, 9):
        preparing.prepare(file.pk)
        file.refresh_from_db()
        assert (file.position, file.under_way, file.lease_until) == (position, True, None)
    assert rung == [(dispatch.PREPARE, file.pk)] * 3
    preparing.prepare(file.pk)
    file.refresh_from_db()
    assert (file.ending, file.events) == (Ending.READY, 9)


def test_after_a_killed_worker_the_next_goes_on_and_the_first_writes_no_more(
    manager: User, rung: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = asked(manager)
    keep = preparing._keep

    def overtaken(row: PreparedFile, piece: Piece) -> bool:
        """Have the lease run out in the middle of the second piece, and another worker finish."""
        if row.parts == 1 and row.fence == 1:
            lose(file)
            preparing.look_after()
            preparing.prepare(file.pk)
        return keep(row, piece)

    monkeypatch.setattr(preparing, "_keep", overtaken)
    preparing.prepare(file.pk)
    assert rung == [(dispatch.PREPARE, file.pk)]
    file.refresh_from_db()
    assert (file.ending, file.events, file.parts, file.fence) == (Ending.READY, 9, 3, 2)
    assert told(file) == ["file.asked", "file.ready"]
    table = b"".join(preparing._content(file))
    assert len(table.splitlines()) == 10


def test_while_a_worker_has_it_no_other_takes_it(manager: User, rung: Rings) -> None:
    file = asked(manager)
    PreparedFile.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
    preparing.prepare(file.pk)
    preparing.look_after()
    assert (rung, FilePart.objects.count()) == ([], 0)


def test_filters_that_find_little_do_not_outlast_the_lease(
    manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search through millions of events takes longer than a lease; whoever followed would begin it anew."""
    file = asked(manager, actions=("digest.made",))
    monkeypatch.setattr(preparing, "WINDOW", 2)
    making, looked = audit_export.csv_pieces, []

    def slow(found: QuerySet[AuditEvent], upto: int, mark: audit_export.Mark) -> Iterator[Piece]:
        looked.append((upto, PreparedFile.objects.filter(clock.unleased(), pk=file.pk).exists()))
        yield from making(found, upto, mark)
        lose(file)

    monkeypatch.setattr(audit_export, "csv_pieces", slow)
    preparing.prepare(file.pk)
    assert looked == [(upto, False) for upto in (2, 4, 6, 8, 9)]
    file.refresh_from_db()
    assert (file.ending, file.events, file.first, file.position) == (Ending.READY, 1, 9, 9)


def test_who_was_overtaken_looks_no_further(manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    file = asked(manager, request_id="nothing")
    monkeypatch.setattr(preparing, "WINDOW", 4)
    looked = []

    def overtaken(_: object, upto: int, __: object) -> Iterator[Piece]:
        looked.append(upto)
        PreparedFile.objects.filter(pk=file.pk).update(fence=F("fence") + 1)
        yield from ()

    monkeypatch.setattr(audit_export, "csv_pieces", overtaken)
    preparing.prepare(file.pk)
    assert looked == [4]
    assert told(file) == ["file.asked"]
