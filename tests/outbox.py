"""The outbox as workers empty it, and what came out."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.core import mail

from trunks.models import Notice, Occasion
from trunks.workflow import mailing, spreading


def deliver() -> list[Any]:
    """Do what the rung workers do, and return the letters that went out now."""
    before = len(mail.outbox)
    for pk in list(Occasion.objects.unspread().values_list("pk", flat=True)):
        spreading.spread(pk)
    mailing.send_due()
    return mail.outbox[before:]


def silence() -> None:
    """Forget what has happened so far."""
    Occasion.objects.all().delete()


def standing() -> list[tuple[str, str]]:
    """Return, for each letter, who it is for and how it stands."""
    return [(notice.user.name, notice.sending) for notice in Notice.objects.order_by("id")]


def break_mail(monkeypatch: pytest.MonkeyPatch, error: Exception) -> list[int]:
    """Have the mail server refuse every letter with `error`; return a list that grows with each try."""
    tries: list[int] = []

    def refuse(_: object, letters: Sequence[object]) -> int:
        tries.append(len(letters))
        raise error

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    return tries
