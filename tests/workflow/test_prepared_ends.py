"""How prepared files end: given up, without the right to read them, too large, damaged, failed or old."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from tests.sealed import unguarded
from tests.test_audit_guard import run
from tests.workflow import test_preparing
from tests.workflow.test_preparing import Rings, asked, lose, told
from trunks import audit, tasks
from trunks.audit_reading import Filters
from trunks.models import Ending, FilePart, PreparedFile, Role, User
from trunks.workflow import preparing, roles
from trunks.workflow.errors import Refused

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
sealed = test_preparing.sealed


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
