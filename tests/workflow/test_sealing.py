"""The daily digest: one for each day, signed, in the second place, in the managers' mailboxes."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from errno import ENOSPC
from pathlib import Path
from smtplib import SMTPRecipientsRefused

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends import locmem
from django.utils import timezone
from pytest_django import Settings

from tests import cast
from tests.sealed import Sealed, clock_at, noon
from tests.together import together
from trunks import audit, dispatch, mounts, seals, tasks
from trunks.models import AuditDigest, Heartbeat, Role, User, clock
from trunks.models.audit_event import AuditEvent
from trunks.workflow import sealing, second_place, sweeping, verifying

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


@pytest.fixture
def sealed(settings: Settings, tmp_path: Path, staff: User) -> Sealed:
    return Sealed(settings, tmp_path, staff)


def told(digest: AuditDigest) -> list[str]:
    return [event.action for event in audit.history(digest)]


def test_a_day_is_sealed_once_it_is_over(sealed: Sealed) -> None:
    sealed.act(3)
    assert sealing.make_due() == []
    [digest] = sealed.pass_days()
    last = AuditEvent.objects.get(id=3)
    assert (digest.first, digest.last, digest.count, digest.head) == (1, 3, 3, last.hash)
    assert (digest.previous, digest.day) == (seals.GENESIS, last.at.astimezone(UTC).date())
    said = seals.read(digest.statement)
    assert (said.earliest, said.latest) == (AuditEvent.objects.get(id=1).at, last.at)
    assert seals.judge(digest.statement, digest.signature, sealed.settings.AUDIT_PUBLIC_KEYS) == seals.PROVEN
    assert told(digest) == ["digest.made"]
    assert audit.history(digest)[0].after == {"events": 3, "first": 1, "last": 3, "head": last.hash}


def test_a_day_is_not_over_right_at_midnight(sealed: Sealed) -> None:
    sealed.act()
    midnight = datetime.combine(timezone.now().date() + timedelta(days=1), datetime.min.time(), UTC)
    with clock_at(midnight + timedelta(minutes=4)):
        assert sealing.due() == []
    with clock_at(midnight + timedelta(minutes=5)):
        assert sealing.due() == [timezone.now().date() - timedelta(days=1)]


def test_a_clock_that_is_ahead_of_the_database_s_seals_no_day_to_come(sealed: Sealed) -> None:
    sealed.act()
    with clock_at(noon(90), database=noon(1)):
        [digest] = sealing.make_due()
    assert digest.day == timezone.now().astimezone(UTC).date()
    with clock_at(noon(1), database=noon(90)):
        assert sealing.make_due() == []


def test_a_digest_that_no_check_would_believe_is_not_made(sealed: Sealed, tmp_path: Path) -> None:
    sealed.act()
    [first] = sealed.pass_days()
    old, new = sealed.key, Ed25519PrivateKey.generate()
    known = seals.TrustedKey(seals.public_bytes(old), until=first.day)
    to_come = seals.TrustedKey(seals.public_bytes(new), since=first.day + timedelta(days=2))
    sealed.trust(new, known, to_come)
    assert sealed.pass_days(2) == []
    said = audit.history(first).last()
    assert said is not None
    words = (
        f"the digest of {first.day + timedelta(days=1)} is signed with key {to_come.id}, which was not valid"
    )
    assert (said.action, words in said.comment) == ("digest.not_sent", True)
    sealed.settings.AUDIT_SIGNING_KEY = None
    assert sealed.pass_days(0) == []
    sealed.trust(new, known, seals.TrustedKey(to_come.public, since=first.day + timedelta(days=1)))
    assert len(sealed.pass_days(0)) == 2
    assert verifying.verify().bad is None


def test_without_any_event_there_is_nothing_to_seal(sealed: Sealed) -> None:
    assert sealed.pass_days(3) == []


def test_days_without_events_are_sealed_too_and_missed_ones_caught_up_with(sealed: Sealed) -> None:
    sealed.act(2)
    first, *empty = sealed.pass_days(4)
    assert [digest.day - first.day for digest in empty] == [timedelta(days=number) for number in (1, 2, 3)]
    assert first.count == 2
    for before, digest in zip([first, *empty], empty, strict=False):
        assert digest.previous == seals.fingerprint(before.statement)
        assert digest.first == before.last + 1
    assert sealed.pass_days(0) == []


def test_a_quiet_day_repeats_the_last_head(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed.act(2)
    [first] = sealed.pass_days()
    monkeypatch.setattr("trunks.audit_chain.last_before", lambda _: first.last)
    [second] = sealed.pass_days()
    said = seals.read(second.statement)
    assert (second.count, second.head, said.earliest, said.latest) == (0, first.head, None, None)


def test_a_day_s_digest_is_kept_although_its_last_event_is_gone(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed.act(2)
    [first] = sealed.pass_days()
    monkeypatch.setattr("trunks.audit_chain.last_before", lambda _: first.last)
    monkeypatch.setattr("trunks.audit_chain.at", lambda _: None)
    assert sealed.pass_days()[0].head == first.head


@pytest.mark.django_db(transaction=True)
def test_of_several_workers_one_makes_the_digest(sealed: Sealed, manager: User) -> None:
    sealed.act(2)
    with clock_at(noon(1)):
        made = together(*[sealing.make_due] * 4)
    assert sorted(map(len, made)) == [0, 0, 0, 1]  # type: ignore[arg-type]
    assert told(AuditDigest.objects.get()) == ["digest.made", "digest.sent"]
    assert len(mail.outbox) == 1
    assert len(second_place.days()) == 1


def test_the_second_place_holds_what_was_signed(sealed: Sealed, tmp_path: Path) -> None:
    sealed.act()
    [digest] = sealed.pass_days()
    [file] = tmp_path.iterdir()
    assert file.name == f"audit-{digest.day}.json"
    assert json.loads(file.read_text()) == {"statement": digest.statement, "signature": digest.signature}


def test_what_nobody_has_signed_does_not_come_into_the_second_place(sealed: Sealed) -> None:
    sealed.act()
    [digest] = sealed.pass_days()
    before = seals.fingerprint(digest.statement)
    said = seals.Statement(digest.day + timedelta(days=3000), 3, 2, digest.head, before, None, None, "")
    columns = {"first": 3, "last": 2, "head": said.head, "previous": before, "made_at": timezone.now()}
    AuditDigest.objects.create(day=said.day, statement=said.text(), **columns)
    sealing.deliver()
    assert second_place.days() == [digest.day]
    problem = f"the digest of {said.day} is not signed, although there was a key for that day."
    assert verifying.verify().problem == problem
    sealed.settings.AUDIT_PUBLIC_KEYS = []
    sealing.deliver()
    assert second_place.days() == [digest.day, said.day]


def test_a_file_is_never_written_again(sealed: Sealed, tmp_path: Path) -> None:
    sealed.act()
    sealed.pass_days(3)
    oldest, _, newest = sorted(tmp_path.iterdir())
    oldest.unlink()
    newest.write_text("something else")
    sealing.deliver()
    assert not oldest.exists()
    assert newest.read_text() == "something else"


def test_a_second_place_that_is_back_gets_what_it_missed(sealed: Sealed, tmp_path: Path) -> None:
    sealed.act()
    sealed.settings.AUDIT_DIGEST_DIR = str(tmp_path / "away")
    [first] = sealed.pass_days()
    [second] = sealed.pass_days()
    assert told(first) == ["digest.made", "digest.not_sent"]
    assert audit.history(first)[1].comment == "AUDIT_DIGEST_DIR: No such file or directory"
    sealed.pass_days(0)
    assert told(second) == ["digest.made", "digest.not_sent"]
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "README").touch()
    sealing.make_due()
    assert second_place.days() == [first.day, second.day]


def test_a_second_place_without_room_is_not_filled_with_what_was_begun(
    sealed: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(ENOSPC, "No space left on device")

    sealed.act()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        [digest] = sealed.pass_days()
        sealing.deliver()
    assert list(tmp_path.iterdir()) == []
    event = audit.history(digest).last()
    assert event is not None
    assert event.comment == "AUDIT_DIGEST_DIR: No space left on device"
    sealing.deliver()
    assert second_place.days() == [digest.day]


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Have no folder answer, as one of a machine that is gone, until the event is set."""
    back, listed = threading.Event(), Path.iterdir

    def hang(folder: Path) -> Iterator[Path]:
        back.wait(30)
        return listed(folder)

    monkeypatch.setattr(mounts, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(Path, "iterdir", hang)
    yield back
    back.set()


def test_a_second_place_that_does_not_answer_keeps_no_worker(
    sealed: Sealed, tmp_path: Path, manager: User, hung: threading.Event
) -> None:
    sealed.act()
    [digest] = sealed.pass_days()
    assert told(digest) == ["digest.made", "digest.not_sent", "digest.sent"]
    said = audit.history(digest)[1].comment
    assert said == "AUDIT_DIGEST_DIR: no answer within 0.1 seconds"
    assert not Heartbeat.objects.filter(name=Heartbeat.SECOND_PLACE).exists()
    with pytest.raises(OSError, match="it does not answer"):
        verifying.verify()
    hung.set()
    mounts._waiting[tmp_path].join(10)
    sealing.deliver()
    assert second_place.days() == [digest.day]
    assert Heartbeat.objects.filter(name=Heartbeat.SECOND_PLACE).exists()


def test_a_digest_that_does_not_answer_is_not_one_that_is_missing(
    sealed: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed.act()
    [digest] = sealed.pass_days()
    path = tmp_path / digest.file_name
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(mounts, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(mounts.NoAnswer):
        verifying.verify()
    path.open("w").close()  # nobody is left waiting
    mounts._waiting[tmp_path].join(10)


def test_a_second_place_that_is_away_before_the_first_digest_stops_nothing(sealed: Sealed) -> None:
    sealed.settings.AUDIT_DIGEST_DIR = "/nowhere"
    sealing.deliver()
    assert not AuditEvent.objects.exists()


def test_without_a_second_place_nothing_is_written(sealed: Sealed, tmp_path: Path) -> None:
    sealed.settings.AUDIT_DIGEST_DIR = None
    sealed.act()
    assert len(sealed.pass_days()) == 1
    assert (second_place.days(), list(tmp_path.iterdir())) == ([], [])


def test_every_manager_gets_a_letter_with_the_digest(
    sealed: Sealed, manager: User, estate: cast.Estate
) -> None:
    other = cast.person("Hans Here", Role.MANAGER, master=estate.master)
    sealed.act()
    [digest] = sealed.pass_days()
    assert [letter.to for letter in mail.outbox] == [[other.email], [manager.email]]
    assert mail.outbox[0].subject == f"Audit digest of {digest.day}"
    assert digest.envelope in mail.outbox[0].body
    assert "not signed" not in mail.outbox[0].body


def test_days_that_were_caught_up_with_are_one_letter(sealed: Sealed, manager: User) -> None:
    sealed.act()
    made = sealed.pass_days(3)
    [letter] = mail.outbox
    assert letter.subject == f"Audit digest of {made[0].day} to {made[-1].day}"
    assert all(digest.envelope in letter.body for digest in made)


SEND = "django.core.mail.backends.locmem.EmailBackend.send_messages"


def test_a_mail_server_that_is_away_stops_nothing_and_gets_what_it_missed(
    sealed: Sealed, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("no mail today")

    sealed.act()
    with monkeypatch.context() as patch:
        patch.setattr(SEND, refuse)
        [first] = sealed.pass_days()
        assert told(first) == ["digest.made", "digest.not_sent"]
        assert audit.history(first)[1].comment == "E-mail: ConnectionRefusedError: no mail today"
    sealed.pass_days(0)
    assert mail.outbox == [], "the server is not asked again before an hour is over"
    Heartbeat.objects.filter(name=Heartbeat.DIGEST_LETTERS).update(at=clock.after(-sealing.RETRY_SECONDS))
    [second] = sealed.pass_days()
    [letter] = mail.outbox
    assert letter.subject == f"Audit digest of {first.day} to {second.day}"
    assert [digest.envelope in letter.body for digest in (first, second)] == [True, True]
    sent = audit.history(second).get(action="digest.sent")
    assert sent.after == {"days": 2, "to": [manager.email]}
    [third] = sealed.pass_days()
    assert mail.outbox[1].subject == f"Audit digest of {third.day}"


def test_a_mailbox_that_refuses_its_letter_keeps_it_from_nobody_else(
    sealed: Sealed, manager: User, estate: cast.Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing, real = cast.person("Hans Here", Role.MANAGER, master=estate.master), locmem.EmailBackend

    def send(self: locmem.EmailBackend, letters: list[mail.EmailMessage]) -> int:
        if letters[0].to == [refusing.email]:
            raise SMTPRecipientsRefused({refusing.email: (550, b"full")})
        return plain(self, letters)

    plain = real.send_messages
    monkeypatch.setattr(real, "send_messages", send)
    sealed.act()
    [digest] = sealed.pass_days()
    sealed.pass_days(0)
    assert [letter.to for letter in mail.outbox] == [[manager.email]]
    assert told(digest) == ["digest.made", "digest.not_sent", "digest.sent"]
    assert audit.history(digest)[2].after["to"] == [manager.email]


def test_a_letter_is_sent_once_though_another_process_has_no_such_cache(
    sealed: Sealed, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a Redis each process of a worker has a cache of its own; and a Redis may be emptied meanwhile."""
    real = locmem.EmailBackend.send_messages

    def send(self: locmem.EmailBackend, letters: list[mail.EmailMessage]) -> int:
        if not mail.outbox:
            sent = real(self, letters)
            cache.clear()
            sealing.send_letters()
            return sent
        return real(self, letters)

    monkeypatch.setattr(SEND, send)
    sealed.act()
    sealed.pass_days()
    assert len(mail.outbox) == 1


def test_letters_are_not_held_up_by_a_turn_of_before_the_clock_was_set_back(
    sealed: Sealed, manager: User
) -> None:
    Heartbeat.objects.create(name=Heartbeat.DIGEST_LETTERS, at=clock.read() + timedelta(days=2))
    sealed.act()
    sealed.pass_days()
    assert len(mail.outbox) == 1


def test_an_address_that_no_mail_can_carry_keeps_the_letter_from_nobody_else(
    sealed: Sealed, manager: User, estate: cast.Estate
) -> None:
    cast.person("Anna Odd", Role.MANAGER, master=estate.master)
    User.objects.filter(name="Anna Odd").update(email="anna\n@example.com")
    sealed.act()
    [digest] = sealed.pass_days()
    assert [letter.to for letter in mail.outbox] == [[manager.email]]
    assert told(digest) == ["digest.made", "digest.not_sent", "digest.sent"]


def test_without_a_key_the_digest_says_that_it_is_not_signed(sealed: Sealed, manager: User) -> None:
    sealed.settings.AUDIT_SIGNING_KEY, sealed.settings.AUDIT_PUBLIC_KEYS = None, []
    sealed.act()
    [digest] = sealed.pass_days()
    assert (digest.key, digest.signature) == ("", "")
    assert "No signing key is set" in mail.outbox[0].body


def test_the_sweep_rings_for_it_and_the_task_makes_it(sealed: Sealed, rung: list[tuple[str, int]]) -> None:
    sealed.act()
    sweeping.sweep()
    assert rung == []
    with clock_at(noon(1)):
        sweeping.sweep()
        assert rung == [(dispatch.SEAL, 0)]
        tasks.keep_audit(0)
    assert AuditDigest.objects.count() == 1
