"""The daily digest: one for each day, once it is over, signed where there is a key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from tests.sealed import Sealed, clock_at, noon
from tests.together import together
from trunks import audit, dispatch, seals, tasks
from trunks.models import AuditDigest, User
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
