"""The commands of the audit trail's proof: what they print, and how they end."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.sealed import Sealed, unguarded
from trunks import audit_quick, seals
from trunks.audit_chain import Place
from trunks.management.commands import verify_audit
from trunks.models import AuditCheck, User
from trunks.models.audit_event import AuditEvent

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


@pytest.fixture
def sealed(settings: Settings, tmp_path: Path, staff: User) -> Sealed:
    portal = Sealed(settings, tmp_path, staff)
    portal.act(5)
    portal.pass_days()
    portal.act(2)
    return portal


def said(*options: str, command: str = "verify_audit") -> str:
    out = io.StringIO()
    call_command(command, *options, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("options", [(), ("--full",)])
def test_a_trail_in_order_is_one_line_with_the_number_of_events_and_the_head(
    sealed: Sealed, options: tuple[str, ...]
) -> None:
    head = AuditEvent.objects.get(id=8).hash
    [line] = said(*options).splitlines()
    assert line.startswith(f"8 events are in order; head hash {head}; 1 digests; ")
    assert AuditEvent.objects.count() == 8


def test_an_empty_trail_is_in_order_and_what_is_not_set_is_said(db: None) -> None:
    lines = said().splitlines()
    assert lines[0].startswith(f"0 events are in order; head hash {seals.GENESIS}; 0 digests; ")
    assert "No key is set here (AUDIT_PUBLIC_KEYS or AUDIT_SIGNING_KEY)" in lines[1]


@pytest.mark.parametrize("options", [(), ("--incremental",)])
def test_the_first_event_that_does_not_fit_is_named(sealed: Sealed, options: tuple[str, ...]) -> None:
    with unguarded():
        AuditEvent.objects.filter(id__in=[3, 6]).update(comment="x")
    with pytest.raises(CommandError, match=r"^Event 3: a field or the hash was altered") as caught:
        said(*options)
    assert caught.value.returncode == 1


def test_an_incremental_check_begins_at_the_last_digest_that_was_verified(sealed: Sealed) -> None:
    said()
    assert "8 events are in order, the last 3 of them now; head hash " in said("--incremental")


def test_what_was_broken_off_goes_on(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_audit, "TELL_SECONDS", 0)
    real = audit_quick.prove

    def prove(place: Place, upto: int, marks: Collection[int]) -> list[Place]:
        if place.position == 4:
            raise KeyboardInterrupt
        return real(place, upto, marks)

    monkeypatch.setattr(audit_quick, "PIECE", 2)
    with monkeypatch.context() as broken:
        broken.setattr(audit_quick, "prove", prove)
        with pytest.raises(KeyboardInterrupt):
            said()
    assert AuditCheck.objects.get().position == 4
    assert "8 of 8 events …" in said("--resume")
    assert AuditCheck.objects.count() == 1
    said("--resume")
    assert AuditCheck.objects.count() == 2


def test_a_second_place_that_cannot_be_read_ends_the_check(sealed: Sealed) -> None:
    sealed.settings.AUDIT_DIGEST_DIR = "/nowhere"
    with pytest.raises(CommandError, match=r"^The second place"):
        said()


def test_the_public_key_is_printed_as_the_setting_takes_it(sealed: Sealed) -> None:
    text = said(command="audit_key").strip()
    assert seals.trusted_key(text) == sealed.settings.AUDIT_PUBLIC_KEYS[0]


def test_a_new_private_key_is_printed_and_works() -> None:
    first, second = (said("--new", command="audit_key").strip() for _ in range(2))
    assert first != second
    assert len(base64.b64decode(first)) == 32
    seals.private_key(first)


def test_without_a_key_it_says_how_to_make_one(settings: Settings) -> None:
    settings.AUDIT_PUBLIC_KEYS = []
    with pytest.raises(CommandError, match="--new"):
        said(command="audit_key")
