"""What somebody can do to the digests, in the database or in the second place, and that each of it is found."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pytest_django import Settings

from tests.sealed import Sealed, unguarded
from tests.workflow import test_attacks
from tests.workflow.test_attacks import found
from trunks import seals
from trunks.models import AuditDigest, User
from trunks.workflow import verifying

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
sealed = test_attacks.sealed


def forge(digest: AuditDigest, signed_by: Ed25519PrivateKey, **changes: object) -> None:
    """Sign another statement about the day of `digest` with `signed_by`, and put it in its place."""
    said = json.loads(digest.statement) | changes
    text = json.dumps(said, separators=(",", ":"))
    with unguarded():
        columns = {name: said[name] for name in ("first", "last", "head", "previous", "key")}
        AuditDigest.objects.filter(pk=digest.pk).update(
            statement=text, signature=seals.sign(signed_by, text), **columns
        )


def newest_and_oldest() -> tuple[AuditDigest, AuditDigest]:
    newest, oldest = AuditDigest.objects.all()
    return newest, oldest


def test_a_digest_is_forged_with_another_key(sealed: Sealed) -> None:
    newest, _ = newest_and_oldest()
    forge(newest, Ed25519PrivateKey.generate())
    assert found() == (11, f"the digest of {newest.day} bears a signature that does not fit.")


def test_a_digest_is_forged_with_a_key_that_names_itself(sealed: Sealed) -> None:
    _, oldest = newest_and_oldest()
    other = Ed25519PrivateKey.generate()
    name = seals.key_id(seals.public_bytes(other))
    forge(oldest, other, key=name)
    assert found() == (1, f"the digest of {oldest.day} is signed with key {name}, which is not trusted.")


def test_an_old_day_is_signed_anew_with_a_newer_key(sealed: Sealed, tmp_path: Path) -> None:
    newest, oldest = newest_and_oldest()
    newer = Ed25519PrivateKey.generate()
    old = seals.TrustedKey(seals.public_bytes(sealed.key), until=oldest.day)
    new = seals.TrustedKey(seals.public_bytes(newer), since=newest.day)
    sealed.trust(newer, old, new)
    forge(newest, newer, key=new.id)
    forge(oldest, newer, key=new.id)
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    problem = f"the digest of {oldest.day} is signed with key {new.id}, which was not valid on that day."
    assert found() == (1, problem)


def test_a_digest_is_left_unsigned(sealed: Sealed) -> None:
    _, oldest = newest_and_oldest()
    forge(oldest, sealed.key, key="")
    assert found() == (1, f"the digest of {oldest.day} is not signed, although there was a key for that day.")


def test_a_digest_is_replaced_by_one_that_the_key_has_signed(sealed: Sealed) -> None:
    _, oldest = newest_and_oldest()
    forge(oldest, sealed.key, head="2" * 64)
    assert found() == (1, f"the digest of {oldest.day} is another one in the second place.")


def test_the_digest_before_is_replaced_in_both_places(sealed: Sealed, tmp_path: Path) -> None:
    newest, oldest = newest_and_oldest()
    forge(oldest, sealed.key, earliest=None)
    (tmp_path / oldest.file_name).write_text(AuditDigest.objects.get(pk=oldest.pk).envelope)
    problem = f"the digest of {newest.day} does not follow the digest before: one was replaced or taken out."
    assert found() == (11, problem)


def test_a_day_is_taken_out(sealed: Sealed) -> None:
    sealed.pass_days()
    newest, middle, oldest = AuditDigest.objects.all()
    with unguarded():
        AuditDigest.objects.filter(pk=middle.pk).delete()
    problem = f"the digest of {newest.day} follows that of {oldest.day}: the days between have none."
    assert found() == (middle.last + 1, problem)


def test_the_first_day_is_taken_out(sealed: Sealed) -> None:
    newest, oldest = newest_and_oldest()
    with unguarded():
        AuditDigest.objects.filter(pk=oldest.pk).delete()
    assert found()[1].startswith(f"the digest of {newest.day} does not follow the digest before")


def test_a_digest_that_begins_elsewhere_is_found_although_it_is_signed(
    sealed: Sealed, tmp_path: Path
) -> None:
    newest, _ = newest_and_oldest()
    forge(newest, sealed.key, first=13, count=9)
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    assert found() == (13, f"the digest of {newest.day} does not begin where the digest before ends.")


def test_a_column_beside_the_statement_is_altered(sealed: Sealed) -> None:
    newest, _ = newest_and_oldest()
    with unguarded():
        AuditDigest.objects.filter(pk=newest.pk).update(last=20)
    assert "says something else in its columns" in found()[1]


def test_a_statement_is_no_statement(sealed: Sealed) -> None:
    newest, _ = newest_and_oldest()
    with unguarded():
        AuditDigest.objects.filter(pk=newest.pk).update(statement="{}")
    assert found() == (11, f"the digest of {newest.day} cannot be read.")


def test_a_file_is_taken_out_of_the_second_place(sealed: Sealed, tmp_path: Path) -> None:
    _, oldest = newest_and_oldest()
    (tmp_path / oldest.file_name).unlink()
    problem = f"the digest of {oldest.day} is missing in the second place, or what lies there is none."
    assert found() == (1, problem)


def test_what_has_not_arrived_in_the_second_place_is_only_noted(sealed: Sealed, tmp_path: Path) -> None:
    newest, _ = newest_and_oldest()
    (tmp_path / newest.file_name).unlink()
    finding = verifying.verify()
    assert (finding.bad, finding.notes) == (None, ("Digests that are not in the second place yet: 1.",))


def test_a_file_that_cannot_be_read_says_at_least_that_it_is_there(sealed: Sealed, tmp_path: Path) -> None:
    newest, _ = newest_and_oldest()
    (tmp_path / f"audit-{newest.day + timedelta(days=1)}.json").write_text("no JSON")
    bad, problem = found()
    assert bad == newest.last + 1
    assert problem.endswith("or digests were taken out.")


def test_without_a_key_and_a_second_place_a_check_says_what_it_cannot_show(sealed: Sealed) -> None:
    sealed.settings.AUDIT_PUBLIC_KEYS, sealed.settings.AUDIT_DIGEST_DIR = [], None
    with unguarded():
        AuditDigest.objects.all().delete()
    finding = verifying.verify()
    assert finding.bad is None
    assert [note.split(" is set")[0] for note in finding.notes] == ["No key", "No second place"]


def test_digests_of_before_there_was_a_key_are_noted(settings: Settings, tmp_path: Path, staff: User) -> None:
    portal = Sealed(settings, tmp_path, staff)
    settings.AUDIT_SIGNING_KEY, settings.AUDIT_PUBLIC_KEYS = None, []
    portal.act()
    [digest] = portal.pass_days()
    first = digest.day + timedelta(days=1)
    settings.AUDIT_PUBLIC_KEYS = [seals.TrustedKey(seals.public_bytes(portal.key), since=first)]
    assert verifying.verify().notes == ("1 digests are from before there was a signing key.",)
    settings.AUDIT_PUBLIC_KEYS = [seals.TrustedKey(seals.public_bytes(portal.key), since=digest.day)]
    assert found() == (1, f"the digest of {digest.day} is not signed, although there was a key for that day.")
