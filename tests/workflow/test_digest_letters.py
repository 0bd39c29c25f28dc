"""The letters that bring the daily digest to the managers: one each, whatever the mail server does."""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPRecipientsRefused

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends import locmem

from tests import cast
from tests.sealed import Sealed
from tests.workflow import test_sealing
from tests.workflow.test_sealing import told
from trunks import audit
from trunks.models import Heartbeat, Role, User, clock
from trunks.workflow import sealing

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
sealed = test_sealing.sealed


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
