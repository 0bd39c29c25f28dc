"""An export verified by somebody who has no portal, and what the verifier finds that was done to it."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from tests import test_audit_export
from tests.processes import PYTHON, ROOT
from tests.sealed import Sealed, unguarded
from tests.test_audit_export import exported, key_of
from trunks import audit, audit_export, audit_reading, chain, seals
from trunks.actions import Action
from trunks.models import User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import exporting

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
sealed = test_audit_export.sealed

VERIFIER = ROOT / "docs" / "verify_export.py"


def verify(tmp_path: Path, lines: list[dict[str, Any]], *options: str, key: str) -> tuple[int, str]:
    """Run the stand-alone verifier as a process of its own, isolated from everything of the portal."""
    file = tmp_path / "export.jsonl"
    file.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines), encoding="utf-8")
    command = [PYTHON, "-I", str(VERIFIER), str(file), f"--key={key}", *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    return ended.returncode, ended.stdout + ended.stderr


def test_who_has_no_portal_verifies_an_export(sealed: Sealed, manager: User, tmp_path: Path) -> None:
    status, said = verify(tmp_path, exported(manager), key=key_of(sealed))
    assert (status, said) == (0, "In order: 12 events without a gap, 9 of them proven by 2 signed hashes.\n")


def test_digests_of_the_second_place_count_instead(sealed: Sealed, manager: User, tmp_path: Path) -> None:
    lines = exported(manager)
    lines[-1]["proof"]["digests"] = []
    folder = f"--digests={tmp_path / 'second'}"
    assert verify(tmp_path, lines, folder, key=key_of(sealed))[1].startswith(
        "In order: 12 events without a gap, 9 of them"
    )


def test_a_filtered_export_is_only_consistent_with_itself(
    sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    lines = exported(manager, actions=("digest.made",))
    status, said = verify(tmp_path, lines, key=key_of(sealed))
    assert (status, said.split("(")[0]) == (
        0,
        "In order: 2 events with 1 gaps where this export leaves events out, 0 of them proven by 1 signed hashes.\n"
        "None of them is proven: anybody who computes all hashes could have written this file.\n",
    )


def verify_file(path: Path, content: str, *options: str, key: str) -> tuple[int, str]:
    """Have the stand-alone verifier look at a file of exactly this content."""
    path.write_bytes(content.encode())
    command = [PYTHON, "-I", str(VERIFIER), str(path), f"--key={key}", *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    return ended.returncode, ended.stdout + ended.stderr


# What another program would take for the same, or not look at, or show otherwise than the one that verifies it.
IN_THE_TEXT: dict[str, Callable[[str], str]] = {
    "line ends": lambda text: text.replace("\n", "\r\n"),
    "a byte order mark": lambda text: f"\ufeff{text}",
    "a second value": lambda text: text.replace('{"id": 5,', '{"id": 5, "actor_name": "Somebody Else",'),
    "another spelling": lambda text: text.replace("Zoë", "Zo\\u00eb", 1),
    "a moment in another zone": lambda text: text.replace('+00:00"', 'Z"', 1),
    "a number as text": lambda text: text.replace('{"id": 1,', '{"id": "1",'),
    "a line after the proof": lambda text: f'{text}{{"proof": {{}}}}\n',
    "a line that says proof": lambda text: f'{{"id": 1, "proof": 1}}\n{text}',
    "an empty line": lambda text: text.replace("\n", "\n\n", 1),
    "the last byte": lambda text: text[:-1],
    "the proof's range": lambda text: text.replace('"last": 12, "filters"', '"last": 13, "filters"'),
    "no text at all": lambda text: "",
    "a thing too deep": lambda text: "[" * 100_000,
}


@pytest.mark.parametrize("name", IN_THE_TEXT)
def test_the_verifier_finds_what_is_not_character_by_character_what_the_portal_writes(
    name: str, sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    text = b"".join(exporting.export("jsonl", audit_reading.Filters(), actor=manager, asked="")).decode()
    assert verify_file(tmp_path / "whole.jsonl", text, key=key_of(sealed))[0] == 0
    changed = IN_THE_TEXT[name](text)
    assert changed != text
    status, said = verify_file(tmp_path / "export.jsonl", changed, key=key_of(sealed))
    assert (status in (1, 2), "Traceback" in said) == (True, False)


IN_THE_TABLE: dict[str, Callable[[str], str]] = {
    "line ends": lambda text: text.replace("\r\n", "\n"),
    "no byte order mark": lambda text: text[1:],
    "an apostrophe put in": lambda text: text.replace(",role.granted,", ",'role.granted,", 1),
    "an apostrophe taken away": lambda text: text.replace("'=1+1", "=1+1"),
    "another spelling of a number": lambda text: text.replace("\r\n2,", "\r\n+2,"),
    "a column that hides another": lambda text: text.replace("comment,", "comment,comment,", 1).replace(
        "'=1+1", "nothing,'=1+1"
    ),
    "a cell more": lambda text: text.replace("\r\n3,", ",more\r\n3,"),
    "an empty line": lambda text: text.replace("\r\n2,", "\r\n\r\n2,"),
    "a column that says proof": lambda text: text.replace("\r\n", ",proof\r\n"),
}


@pytest.mark.parametrize("name", IN_THE_TABLE)
def test_the_verifier_finds_it_in_a_table_too(
    name: str, sealed: Sealed, staff: User, manager: User, tmp_path: Path
) -> None:
    with transaction.atomic():
        audit.record(Action.ROLE_GRANTED, actor=staff, on=staff, comment="=1+1", after={"a": 'b\r\n"c"'})
    proof = tmp_path / "proof.jsonl"
    text = b"".join(exporting.export("csv", audit_reading.Filters(), actor=manager, asked="")).decode()
    proof.write_bytes(audit_export.proof(13, 1, 13, ""))
    option = f"--proof={proof}"
    assert verify_file(tmp_path / "whole.csv", text, option, key=key_of(sealed))[0] == 0
    changed = IN_THE_TABLE[name](text)
    assert changed != text
    status, said = verify_file(tmp_path / "EVENTS.CSV", changed, option, key=key_of(sealed))
    assert (status, "is not as the portal writes it" in said) == (1, True)


def test_a_proof_of_another_export_with_as_many_events_is_found(
    sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    some, others = exported(manager, dnis="", actions=("digest.made",)), exported(manager)[:2]
    status, said = verify(tmp_path, [*others, some[-1]], key=key_of(sealed))
    assert (status, said) == (
        1,
        "NOT IN ORDER: here are the events 1 to 2, and 5 to 10 were exported.\n",
    )


@pytest.mark.parametrize("key", ["", "x", "!", "AAAA", "@2026-01-01..", "{}@x", "{}@2027-01-01..2026-01-01"])
def test_what_is_no_key_verifies_nothing(key: str, sealed: Sealed, manager: User, tmp_path: Path) -> None:
    status, said = verify(tmp_path, exported(manager), key=key.format(key_of(sealed)))
    assert (status, said.startswith("Cannot be read: ")) == (2, True)


def test_a_folder_without_digests_proves_nothing(sealed: Sealed, manager: User, tmp_path: Path) -> None:
    status, said = verify(tmp_path, exported(manager), "--digests=/nowhere", key=key_of(sealed))
    assert (status, said) == (1, "NOT IN ORDER: there is no digest in /nowhere.\n")


Change = Callable[[list[dict[str, Any]]], Any]
ATTACKS: dict[str, tuple[Change, str]] = {
    "altered": (lambda lines: lines[4].update(comment="x"), "event 5: a field or its hash was altered"),
    "after": (
        lambda lines: lines[1].update(after='{"place": 1}'),
        "event 2: a field or its hash was altered",
    ),
    "removed": (lambda lines: lines.pop(3), "there are 11 events here, and 12 were exported"),
    "swapped": (lambda lines: lines.insert(3, lines.pop(6)), "event 4: it comes after event 7"),
    "doubled": (lambda lines: lines.insert(3, lines[3]), "event 4: it comes after event 4"),
    "cut off": (lambda lines: lines.pop(), "the last line with the proof is missing"),
    "signature": (
        lambda lines: lines[-1]["proof"]["digests"][0].update(signature="AAAA"),
        "the signature does not fit",
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_the_verifier_finds_what_was_done_to_a_file(
    name: str, sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    attack, words = ATTACKS[name]
    lines = exported(manager)
    attack(lines)
    status, said = verify(tmp_path, lines, key=key_of(sealed))
    assert (status, said.startswith("NOT IN ORDER: ")) == (1, True)
    assert words in said


def chain_anew(lines: list[dict[str, Any]], first: int) -> None:
    """Compute the hashes from the event `first` on, as whoever forges a file would."""
    for place in range(first - 1, len(lines) - 1):
        event = lines[place]
        event["previous"] = lines[place - 1]["hash"]
        stored = AuditEvent.objects.get(id=event["id"])
        event["hash"] = chain.link(event["previous"], event | {"at": stored.at})


def test_a_tail_that_was_hashed_anew_contradicts_the_signed_digest(
    sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    lines = exported(manager)
    lines[6]["actor_name"] = "Somebody Else"
    chain_anew(lines, 7)
    status, said = verify(tmp_path, lines, key=key_of(sealed))
    assert (status, "event 9: a signed digest has another hash" in said) == (1, True)


def test_an_event_put_in_with_a_good_hash_does_not_follow(
    sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    lines = exported(manager)
    lines[10]["previous"] = "1" * 64
    stored = AuditEvent.objects.get(id=11)
    lines[10]["hash"] = chain.link("1" * 64, lines[10] | {"at": stored.at})
    assert "event 11: it does not follow the event before" in verify(tmp_path, lines, key=key_of(sealed))[1]


def test_a_missing_or_replaced_day_is_found(sealed: Sealed, manager: User, tmp_path: Path) -> None:
    sealed.pass_days()
    lines = exported(manager)
    digests = lines[-1]["proof"]["digests"]
    middle = digests.pop(1)
    assert "is missing before it" in verify(tmp_path, lines, key=key_of(sealed))[1]
    said = json.loads(middle["statement"]) | {"earliest": None}
    text = json.dumps(said, separators=(",", ":"))
    digests.insert(1, {"statement": text, "signature": seals.sign(sealed.key, text)})
    assert "does not follow the digest before" in verify(tmp_path, lines, key=key_of(sealed))[1]


@pytest.mark.parametrize("span", ["@..2020-01-01", "@2999-01-01.."])
def test_a_key_counts_only_for_its_days(span: str, sealed: Sealed, manager: User, tmp_path: Path) -> None:
    status, said = verify(tmp_path, exported(manager), key=key_of(sealed) + span)
    assert (status, "no key that you trust for that day has signed it" in said) == (1, True)


def test_a_day_in_another_spelling_does_not_let_a_key_count_for_longer(
    sealed: Sealed, manager: User, tmp_path: Path
) -> None:
    span = f"@..{timezone.now():%Y}0101"  # as text, every day of the year lies before it
    status, said = verify(tmp_path, exported(manager), key=key_of(sealed) + span)
    assert (status, "no key that you trust for that day has signed it" in said) == (1, True)


def test_what_is_no_export_cannot_be_read(sealed: Sealed, tmp_path: Path) -> None:
    status, said = verify(tmp_path, [{"proof": {}}], key=key_of(sealed))
    assert (status, said.startswith("Cannot be read: KeyError")) == (2, True)


def test_the_verifier_hashes_the_fields_that_the_portal_hashes() -> None:
    assert runpy.run_path(str(VERIFIER))["FIELDS"] == chain.FIELDS
    text = VERIFIER.read_text(encoding="utf-8")
    assert not re.search(r"^(?:import|from) (?:trunks|portal|django)", text, re.MULTILINE)
    assert len(text.splitlines()) <= 300


def test_nothing_is_hidden_by_a_missing_event(sealed: Sealed, manager: User, tmp_path: Path) -> None:
    with unguarded():
        AuditEvent.objects.filter(id=3).delete()
    lines = exported(manager)
    status, said = verify(tmp_path, lines, key=key_of(sealed))
    assert (status, said) == (1, "NOT IN ORDER: event 4: a field or its hash was altered.\n")
