"""What an export holds: events unchanged as JSON Lines, harmless as a table, with their proof."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from tests.sealed import Sealed
from trunks import audit, audit_export, audit_reading, chain
from trunks.actions import Action
from trunks.models import AuditDigest, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import exporting

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


@pytest.fixture
def sealed(settings: Settings, tmp_path: Path, staff: User) -> Sealed:
    """Return a trail of two sealed days and two events more: 1-4, 5 (digest), 6-9, 10 (digest), 11, 12."""
    (tmp_path / "second").mkdir()
    portal = Sealed(settings, tmp_path / "second", staff)
    for _ in range(2):
        portal.act(4)
        portal.pass_days()
    portal.act(2)
    return portal


def exported(manager: User, **filters: Any) -> list[dict[str, Any]]:
    lines = exporting.export("jsonl", audit_reading.Filters(**filters), actor=manager, asked="x=1")
    return [json.loads(line) for line in b"".join(lines).splitlines()]


def key_of(sealed: Sealed) -> str:
    key: str = sealed.settings.AUDIT_PUBLIC_KEYS[0].text
    return key


def test_every_event_leaves_as_it_is_stored_with_the_hash_before_it(sealed: Sealed, manager: User) -> None:
    *lines, last = exported(manager)
    assert [line["id"] for line in lines] == list(range(1, 13))
    previous = chain.GENESIS
    for line, event in zip(lines, AuditEvent.objects.order_by("id"), strict=False):
        assert (line["previous"], line["hash"], line["at"]) == (previous, event.hash, event.at.isoformat())
        assert json.loads(line["after"]) == event.after
        previous = event.hash
    proof = last["proof"]
    assert (proof["events"], proof["first"], proof["last"], proof["filters"]) == (12, 1, 12, "x=1")
    assert [digest["statement"] for digest in proof["digests"]] == [
        digest.statement for digest in AuditDigest.objects.order_by("day")
    ]
    assert proof["keys"] == [key_of(sealed)]


def test_the_export_is_an_event_and_not_part_of_itself(sealed: Sealed, manager: User) -> None:
    exported(manager)
    event = AuditEvent.objects.order_by("-id")[0]
    assert (event.action, event.actor, event.id) == ("trail.exported", manager, 13)
    assert event.after == {"format": "jsonl", "filters": "x=1", "up_to_event": 12}


def test_an_empty_export_has_a_proof_too(manager: User) -> None:
    [line] = exported(manager)
    assert (line["proof"]["events"], line["proof"]["digests"]) == (0, [])


def test_pieces_fit_together(sealed: Sealed, manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = exported(manager)
    monkeypatch.setattr(audit_export, "PIECE", 5)
    assert exported(manager)[:12] == whole[:12]


def test_the_digests_are_those_of_the_events(sealed: Sealed, manager: User) -> None:
    day = AuditDigest.objects.order_by("day")[0]
    [*_, last] = exported(manager, request_id="nothing")
    assert last["proof"]["digests"] == []
    some = audit_reading.search(manager).filter(id__lte=3)
    *_, proof = audit_export.as_json_lines(audit_export.json_pieces(some, 3), "")
    assert [one["statement"] for one in json.loads(proof)["proof"]["digests"]] == [day.statement]


PAYLOADS = [
    *(
        "=1+1",
        "+14155550100",
        "-2",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "'quoted",
        " =1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "\nx",
    ),
    *('"', "a,b", "plain", "a\nb", ""),
]


def csv_rows(manager: User) -> list[dict[str, str]]:
    text = b"".join(exporting.export("csv", audit_reading.Filters(), actor=manager, asked="")).decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_cell_is_a_formula_and_every_one_comes_back_by_a_round_trip(
    payload: str, staff: User, manager: User
) -> None:
    with transaction.atomic():
        audit.record(Action.ROLE_GRANTED, actor=staff, on=staff, comment=payload)
    [row] = csv_rows(manager)
    shown = row["comment"]
    assert not shown.lstrip(" ").startswith(tuple("=+-@\t\r\n＝＋－＠"))
    assert shown.removeprefix("'") == payload


def test_a_table_has_times_in_utc_what_was_before_and_after_and_the_hashes(
    sealed: Sealed, manager: User
) -> None:
    first, second = csv_rows(manager)[:2]
    event = AuditEvent.objects.get(id=1)
    assert first["at"] == event.at.isoformat()
    assert first["at"].endswith("+00:00")
    assert json.loads(first["after"]) == event.after
    assert (first["hash"], second["previous"]) == (event.hash, event.hash)


def test_a_reader_of_one_master_account_exports_what_belongs_to_it(sealed: Sealed, manager: User) -> None:
    manager.role_grants.all().delete()
    manager.__dict__.pop("grants", None)
    assert len(exported(manager)) == 1
