"""Verification of what has left the audit trail: the manifests, the digests of their days, and the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from trunks import archives, mounts, seals
from trunks.audit_chain import Misfit, Place
from trunks.models import AuditArchive, AuditDigest


def follow(kept: Sequence[AuditArchive], digests: Sequence[AuditDigest]) -> Place:
    """Return where the chain goes on after the archives, oldest first; raise Misfit at the first that does not fit."""
    place, marks = Place(), dict[int, str]()
    for archive in kept:
        manifest = _believed(archive, place)
        place, marks = Place(manifest.last, manifest.head), marks | manifest.marks
    for digest in digests:
        # A day without events repeats the head of the day before, which may lie in no archive at all.
        if 0 < digest.last <= place.position and marks.get(digest.last) != digest.head:
            day = digest.day.isoformat()
            raise Misfit(
                digest.first, f"the digest of {day} has another hash than the archive of its events."
            )
    return place


def _believed(archive: AuditArchive, place: Place) -> archives.Manifest:
    position = place.position + 1
    try:
        said = archives.judge(archive.statement, archive.signature, settings.AUDIT_PUBLIC_KEYS)
    except seals.Forged as error:
        raise Misfit(position, f"the {archive}: its manifest {error}.") from error
    if (said.month, said.last, said.head) != (archive.month, archive.last, archive.head):
        raise Misfit(position, f"the {archive} says something else in its columns than in what was signed.")
    if (said.first, said.previous) != (position, place.hash):
        raise Misfit(position, f"the {archive} does not begin where the one before ends.")
    if settings.AUDIT_ARCHIVE_DIR:
        _demand_file(archive, said, Path(settings.AUDIT_ARCHIVE_DIR))
    return said


def _demand_file(archive: AuditArchive, said: archives.Manifest, folder: Path) -> None:
    path = folder / said.file_name
    try:
        mounts.ask(folder, path.stat)  # reading all of it may take long; finding it may not
        there = archives.sha256_of(path)
    except mounts.NOT_THERE as error:
        words = f"the {archive} cannot be read in AUDIT_ARCHIVE_DIR: {error.strerror}."
        raise Misfit(said.first, words) from error
    except mounts.NoAnswer:
        raise
    except OSError as error:
        raise OSError(
            error.errno, error.strerror, str(path)
        ) from error  # one of reading does not name its file
    if there != said.sha256:
        raise Misfit(
            said.first, f"the {archive} in AUDIT_ARCHIVE_DIR is another file than the one that was signed."
        )


def note(kept: Sequence[AuditArchive]) -> str:
    """Return what a check that passes has to say about archives."""
    where = (
        "" if settings.AUDIT_ARCHIVE_DIR else " AUDIT_ARCHIVE_DIR is not set: their files were not looked at."
    )
    number = f"{len(kept)} signed archive{'' if len(kept) == 1 else 's'}"
    return f"The events up to {kept[-1].last} have left, in {number}.{where}"
