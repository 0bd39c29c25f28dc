"""Prepared files: asked for, written in turns, gone on with by the next worker, and nobody else's."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F, QuerySet
from django.utils import timezone
from pytest_django import Settings

from tests.sealed import Sealed, unguarded
from tests.test_audit_guard import run
from tests.together import together
from trunks import audit, audit_export, dispatch, tasks
from trunks.audit_lines import Piece
from trunks.audit_reading import Filters
from trunks.models import Ending, FilePart, PreparedFile, Role, User, clock
from trunks.models.audit_event import AuditEvent
from trunks.workflow import preparing, roles
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


def test_a_file_that_is_given_up_is_not_written_further(
    manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = asked(manager)
    goes_on = preparing._goes_on

    def given_up(row: PreparedFile) -> bool:
        preparing.remove(PreparedFile.objects.get(pk=row.pk), actor=manager)
        return goes_on(row)

    monkeypatch.setattr(preparing, "_goes_on", given_up)
    preparing.prepare(file.pk)
    preparing.prepare(file.pk)
    assert not PreparedFile.objects.exists()
    assert not FilePart.objects.exists()
    assert told(file) == ["file.asked", "file.removed"]


def test_when_the_role_ends_the_file_ends_too_and_is_not_handed_out(
    manager: User, administrator: User
) -> None:
    ready = asked(manager)
    preparing.prepare(ready.pk)
    file = asked(manager)
    roles.revoke(manager.role_grants.get(), actor=administrator)
    preparing.prepare(file.pk)
    file.refresh_from_db()
    assert (file.ending, file.problem, file.parts) == (Ending.FAILED, preparing.CHANGED, 0)
    ready.refresh_from_db()
    with pytest.raises(Refused):
        preparing.take(ready, actor=User.objects.get(pk=manager.pk))


def test_who_may_read_less_than_when_they_asked_does_not_get_it(
    manager: User, administrator: User, estate: object
) -> None:
    file = asked(manager)
    preparing.prepare(file.pk)
    file.refresh_from_db()
    roles.revoke(manager.role_grants.get(), actor=administrator)
    one = estate.master  # type: ignore[attr-defined]
    roles.grant(manager, actor=administrator, role=Role.MANAGER, masters=[one])
    with pytest.raises(Refused, match="has changed"):
        preparing.take(file, actor=User.objects.get(pk=manager.pk))


def test_what_would_be_larger_than_the_portal_keeps_fails_with_the_reason(
    manager: User, settings: Settings
) -> None:
    settings.EXPORT_MEGABYTES = 0
    file = asked(manager)
    preparing.prepare(file.pk)
    file.refresh_from_db()
    assert (file.ending, file.problem, file.size) == (Ending.FAILED, preparing.FULL, 0)
    assert told(file) == ["file.asked", "file.failed"]


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


def a_field_of_another_release(file: PreparedFile) -> None:
    PreparedFile.objects.filter(pk=file.pk).update(filters=file.filters | {"unheard_of": 1})


def a_moment_that_there_is_not(_: PreparedFile) -> None:
    with unguarded():
        run("UPDATE trunks_auditevent SET at = '2026-13-45 10:00:00' WHERE id = 8")


DAMAGES = [a_field_of_another_release, a_moment_that_there_is_not]


@pytest.mark.parametrize("damage", DAMAGES[: 1 + (connection.vendor == "sqlite")])
def test_what_cannot_be_read_ends_the_file_and_is_not_tried_for_ever(
    manager: User, rung: Rings, damage: Callable[[PreparedFile], None], caplog: pytest.LogCaptureFixture
) -> None:
    file = asked(manager)
    damage(file)
    tasks.prepare_file(file.pk)
    file.refresh_from_db()
    assert (file.ending, file.problem, file.under_way) == (Ending.FAILED, preparing.CANNOT_BE_READ, False)
    lose(file)
    preparing.look_after()
    assert rung == []
    assert f"{file} cannot be prepared." in caplog.text


def test_what_has_failed_takes_no_room_and_the_next_file_has_it(
    manager: User, administrator: User, settings: Settings
) -> None:
    settings.EXPORT_MEGABYTES = 0.0005  # one of the three pieces, but not two
    file = asked(manager)
    preparing.prepare(file.pk)
    file.refresh_from_db()
    assert (file.ending, file.problem, file.parts, file.size) == (Ending.FAILED, preparing.FULL, 0, 0)
    assert file.events == 3
    smaller = asked(administrator, actions=("digest.made",))
    preparing.prepare(smaller.pk)
    smaller.refresh_from_db()
    assert (smaller.ending, smaller.events) == (Ending.READY, 1)
    assert [part.file for part in FilePart.objects.all()] == [smaller]


def test_files_go_after_a_day_and_of_many_the_newest_stay(manager: User) -> None:
    files = []
    for _ in range(preparing.EACH + 1):
        files.append(asked(manager))
        preparing.prepare(files[-1].pk)
    assert PreparedFile.objects.count() == preparing.EACH
    assert told(files[0])[-1] == "file.let_go"
    PreparedFile.objects.update(expires_at=timezone.now() - timedelta(seconds=5))
    preparing.look_after()
    preparing.look_after()
    assert not PreparedFile.objects.exists()
    assert not FilePart.objects.exists()
    assert [told(file) for file in files] == [["file.asked", "file.ready", "file.let_go"]] * len(files)
    ends = [audit.history(file).last() for file in files]
    assert [end.actor_name for end in ends if end] == [
        "System (there are newer ones)",
        *["System (its time is over)"] * preparing.EACH,
    ]


def test_who_was_overtaken_does_not_say_how_it_came_out(manager: User) -> None:
    file = asked(manager)
    PreparedFile.objects.filter(pk=file.pk).update(fence=file.fence + 1)
    preparing._end(file, Ending.READY)
    assert told(file) == ["file.asked"]


def test_a_file_that_two_clicks_remove_is_removed_once(manager: User) -> None:
    row = preparing.ask("csv", Filters(), actor=manager, asked="")
    for clicked in [PreparedFile.objects.get(pk=row.pk) for _ in range(2)]:
        preparing.remove(clicked, actor=manager)
    assert [event.action for event in audit.history(row)] == ["file.asked", "file.removed"]


def test_one_that_another_process_has_let_go_is_told_of_once(manager: User) -> None:
    file = asked(manager)

    class Found:
        """What a sweep has read, and another removes before it comes to it."""

        def select_related(self, _: str) -> list[PreparedFile]:
            return [file]

    PreparedFile.objects.filter(pk=file.pk).delete()
    preparing._let_go(Found(), "its time is over")  # type: ignore[arg-type]
    assert told(file) == ["file.asked"]
