"""Retention: whole months of the audit trail leave as signed archives, and the chain goes on from their manifests.

In this order, so that a crash at any step leaves the events where they are: the file is written aside and flushed; read
back and followed through; named; its manifest signed and written; and only then, in one transaction, the events are
taken out, the manifest kept, and all of it recorded.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import UTC
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.utils import timezone

from trunks import archives, audit, audit_archive, audit_export, audit_index, audit_roles, seals
from trunks.actions import Action
from trunks.audit_archive import Span
from trunks.models import AuditArchive, AuditDigest, AuditStream, MonthReview

WHY = "retention"


class NotArchived(Exception):
    """The month stays where it is; the message says why."""


def due() -> list[Span]:
    """Return the months that are past AUDIT_RETENTION_MONTHS and still here, oldest first. The present one never is."""
    month = audit_archive.first_month()
    if not settings.AUDIT_RETENTION_MONTHS or month is None:
        return []
    this = timezone.now().astimezone(UTC).date().replace(day=1)
    end = audit_archive.month_after(this, -settings.AUDIT_RETENTION_MONTHS)
    found = []
    while month < end:
        found.append(audit_archive.span_of(month))
        month = audit_archive.month_after(month)
    return [span for span in found if span]


def reviewed(span: Span) -> str:
    """Return whether managers have reviewed the month, in words. Raises NotArchived while they are at it."""
    review = MonthReview.objects.filter(month=f"{span.month:%Y-%m}").first()
    if review is None:
        return "never drawn"
    if review.signed_at is None:
        raise NotArchived(
            "its review is not signed off, and whoever marks what was drawn reads these events."
        )
    return "signed off"


def archive(span: Span) -> AuditArchive:
    """Put one month into an archive and take it out of the portal. Raises NotArchived, or OSError of the folder."""
    folder, key = _means()
    _demand_ready(span)
    audit_archive.prepare(span.month)
    # Read back before it gets its name: where somebody else has just archived the month, there is nothing left to
    # write, and theirs must not be replaced by that.
    with archives.written(folder / archives.file_name(span.month), _packed(span)) as part:
        kept = _signed(span, part, key)
    with archives.written(folder / archives.manifest_name(span.month), [kept.envelope.encode()]):
        pass
    with audit.change():
        if not audit_archive.remove(span):
            raise NotArchived("the events are no longer those that were written to the archive.")
        kept.save(force_insert=True)
        said = {
            "first": span.first,
            "last": span.last,
            "head": kept.head,
            "file": archives.file_name(span.month),
        }
        said["review"] = reviewed(span)
        audit.record(Action.ARCHIVE_MADE, actor=None, why=WHY, on=kept, after=said)
        audit_index.forget(span.last)
    return kept


def _means() -> tuple[Path, Ed25519PrivateKey]:
    """Return where archives go and what signs them, or raise NotArchived."""
    if not settings.AUDIT_ARCHIVE_DIR:
        raise NotArchived("AUDIT_ARCHIVE_DIR is not set.")
    if not settings.AUDIT_SIGNING_KEY:
        raise NotArchived("AUDIT_SIGNING_KEY is not set: an archive without a signature proves nothing.")
    owner, acts = audit_roles.keeper()
    if not acts:
        raise NotArchived(
            f"only the owner of the tables can take events out. Run this as the role {owner}, which migrates"
            " (DATABASE_URL)."
        )
    return Path(settings.AUDIT_ARCHIVE_DIR), settings.AUDIT_SIGNING_KEY


def _demand_ready(span: Span) -> None:
    """Raise NotArchived unless everything is there that the archive's proof rests on."""
    begin = audit_archive.start().position + 1
    if (span.first, span.count) != (begin, span.last - begin + 1):
        raise NotArchived(f"its events are not {begin} to {span.last} without a gap: verify the trail first.")
    sealed = AuditDigest.objects.first()
    if sealed is None or sealed.last < span.last:
        raise NotArchived("its last day has no digest yet.")
    reviewed(span)
    streamed = AuditStream.objects.values_list("position", flat=True).first() or 0
    if settings.AUDIT_STREAM and streamed < span.last:
        raise NotArchived(f"AUDIT_STREAM has got the events up to {streamed} only.")


def _packed(span: Span) -> Iterable[bytes]:
    # Without a time in it, the same events give the same file.
    return (gzip.compress(piece, mtime=0) for piece in audit_export.between(span.first, span.last))


def _signed(span: Span, path: Path, key: Ed25519PrivateKey) -> AuditArchive:
    """Return the row with the signed manifest of the file, after having read it back. Raises NotArchived."""
    previous = audit_archive.start().hash
    hashes, marks = _read_back(span, path, previous)
    now = timezone.now()
    text = archives.Manifest(
        month=span.month,
        first=span.first,
        last=span.last,
        previous=previous,
        head=hashes[span.last],
        marks=marks,
        sha256=archives.sha256_of(path),
        made=now.astimezone(UTC).date(),
        key=seals.key_id(seals.public_bytes(key)),
    ).text()
    signature = seals.sign(key, text)
    try:
        archives.judge(text, signature, settings.AUDIT_PUBLIC_KEYS)
    except seals.Forged as error:  # no check would believe it, and the events would be gone
        raise NotArchived(
            f"AUDIT_SIGNING_KEY signs a manifest that {error}. See AUDIT_PUBLIC_KEYS."
        ) from error
    return AuditArchive(
        month=span.month,
        last=span.last,
        head=hashes[span.last],
        statement=text,
        signature=signature,
        made_at=now,
    )


def _read_back(span: Span, path: Path, previous: str) -> tuple[dict[int, str], dict[int, str]]:
    """Return the hashes that the file holds where digests end and at its last event, and those that digests have."""
    digests = list(AuditDigest.objects.filter(last__gte=span.first, last__lte=span.last))
    try:
        hashes = archives.read_back(
            path, span.first, span.last, previous, {digest.last for digest in digests}
        )
        for digest in digests:
            seals.judge(digest.statement, digest.signature, settings.AUDIT_PUBLIC_KEYS)
    except (archives.Unfit, seals.Forged, EOFError, ValueError, KeyError) as error:
        raise NotArchived(f"what was written cannot be believed: {error}. Verify the trail.") from error
    if any(hashes[digest.last] != digest.head for digest in digests):
        raise NotArchived("a digest has another hash than the event it ends with. Verify the trail.")
    return hashes, {digest.last: digest.head for digest in digests}
