"""`archive_audit`: does nothing unless told to, and says in words why a month stays."""

from __future__ import annotations

import pytest
from django.core.management import CommandError
from django.db import OperationalError

from tests.sealed import Sealed
from tests.workflow import test_archiving
from tests.workflow.test_archiving import MONTH, command, nothing_has_left, packed
from trunks import audit_archive
from trunks.audit_archive import Span

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
sealed = test_archiving.sealed


def test_the_command_does_nothing_unless_told_to(sealed: Sealed) -> None:
    said = command()
    assert f"{MONTH:%Y-%m}: events 1 to 5 (review: never drawn) would leave." in said
    assert "Nothing was done." in said
    nothing_has_left()
    assert "events 1 to 5 (review: never drawn) have left" in command("--apply")
    assert "No month is past retention" in command()


def test_the_command_says_why_a_month_stays(sealed: Sealed) -> None:
    packed(sealed).parent.rmdir()
    with pytest.raises(CommandError, match=r"events 1 to 5 .* stay here: .*No such file"):
        command("--apply")
    nothing_has_left()


@pytest.mark.django_db(transaction=True)
def test_the_command_says_in_words_that_the_events_are_in_use(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_use(_: Span) -> bool:
        raise OperationalError("canceling statement due to lock timeout\nCONTEXT: …")

    monkeypatch.setattr(audit_archive, "remove", in_use)
    with pytest.raises(CommandError, match=r"1 to 5 .* not taken out: .*lock timeout”\. Run this again"):
        command("--apply")
    nothing_has_left()
