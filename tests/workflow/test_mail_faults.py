"""What a mail server's refusal is about: the letter, or the server. One judgement for letters and digests."""

import smtplib
from pathlib import Path

import pytest
from pytest_django import Settings

from tests import cast
from tests.outbox import break_mail
from tests.sealed import Sealed
from trunks.models import Notice, Occasion, Role, TrunkRequest, User
from trunks.workflow import mailing, spreading

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

SENDER = "portal@example.com"
SERVER = {
    "signed-in-not": smtplib.SMTPAuthenticationError(535, b"who are you"),
    "no-server": ConnectionRefusedError("no mail server"),
    "gone": smtplib.SMTPServerDisconnected("gone"),
    "busy": smtplib.SMTPConnectError(421, b"busy"),
    "helo": smtplib.SMTPHeloError(550, b"not from there"),
    "no-tls": smtplib.SMTPNotSupportedError("STARTTLS extension not supported by server."),
    "tls-refused": smtplib.SMTPResponseException(554, b"no TLS today"),
    "no-way-to-sign-in": smtplib.SMTPException("No suitable authentication method found."),
    "sender-refused": smtplib.SMTPSenderRefused(550, b"not yours", SENDER),
    "sender-must-sign-in": smtplib.SMTPSenderRefused(530, b"authentication required", SENDER),
    "closing-at-the-text": smtplib.SMTPDataError(421, b"closing"),
    "closing-at-the-recipient": smtplib.SMTPRecipientsRefused({"a@example.com": (421, b"closing")}),
}
LETTER = {
    "unknown": (smtplib.SMTPRecipientsRefused({"a@example.com": (550, b"nobody here")}), "failed"),
    "greylisted": (smtplib.SMTPRecipientsRefused({"a@example.com": (450, b"greylisted")}), "waiting"),
    "spam": (smtplib.SMTPDataError(554, b"spam"), "failed"),
    "later": (smtplib.SMTPDataError(451, b"later"), "waiting"),
    "too-large": (smtplib.SMTPSenderRefused(552, b"size exceeds", SENDER), "failed"),
    "unwritable": (ValueError("Invalid address"), "failed"),
}


@pytest.fixture
def letters(trunk_request: TrunkRequest, supervisor: User, second_supervisor: User) -> list[Notice]:
    spreading.spread(Occasion.objects.get().pk)
    return list(Notice.objects.order_by("id"))


@pytest.fixture
def sealed(settings: Settings, tmp_path: Path, staff: User, manager: User, estate: cast.Estate) -> Sealed:
    """Return a trail whose digests are for two managers."""
    cast.person("Hans Here", Role.MANAGER, master=estate.master)
    sealed = Sealed(settings, tmp_path, staff)
    sealed.act()
    return sealed


@pytest.mark.parametrize("error", SERVER.values(), ids=SERVER)
def test_letters_end_their_round_and_all_wait_where_it_is_about_the_server(
    error: Exception, letters: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = break_mail(monkeypatch, error)
    mailing.send_due()
    assert tries == [1]
    assert {notice.sending for notice in Notice.objects.all()} == {"waiting"}
    assert not Notice.objects.due().exists()


@pytest.mark.parametrize(("error", "first"), LETTER.values(), ids=LETTER)
def test_letters_go_on_where_it_is_about_one_of_them(
    error: Exception, first: str, letters: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = break_mail(monkeypatch, error)
    mailing.send_due()
    assert tries == [1, 1]
    assert Notice.objects.get(pk=letters[0].pk).sending == first


@pytest.mark.parametrize("error", SERVER.values(), ids=SERVER)
def test_digests_ask_no_second_time_where_it_is_about_the_server(
    error: Exception, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try costs a time-out, and what a task of this queue does beside it waits so long."""
    tries = break_mail(monkeypatch, error)
    sealed.pass_days()
    assert tries == [1]


@pytest.mark.parametrize("error", [error for error, _ in LETTER.values()], ids=LETTER)
def test_digests_go_on_where_it_is_about_one_of_them(
    error: Exception, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = break_mail(monkeypatch, error)
    sealed.pass_days()
    assert tries == [1, 1]
