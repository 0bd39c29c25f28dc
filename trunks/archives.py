"""Archives of the audit trail: a month of events in a file, and the signed manifest that says what it holds.

Pure, without Django. The file is an export, packed: what verifies the one verifies the other.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from trunks import chain, seals

VERSION = "portal-audit-archive-1"


class Unfit(Exception):
    """The file does not hold what it should; the message says what is wrong."""


@dataclass(frozen=True)
class Manifest:
    """What an archive holds: the events `first` to `last`, which follow the hash `previous` and end with `head`.

    `marks` are the hashes at which digests end, by position: digests of days that have left are compared with them.
    `made` is the day on which it was signed.
    """

    month: date
    first: int
    last: int
    previous: str
    head: str
    marks: dict[int, str]
    sha256: str
    made: date
    key: str

    @property
    def file_name(self) -> str:
        return file_name(self.month)

    def text(self) -> str:
        """Return the manifest as it is signed and kept."""
        values = {
            "version": VERSION,
            "month": f"{self.month:%Y-%m}",
            "count": self.last - self.first + 1,
            "first": self.first,
            "last": self.last,
            "previous": self.previous,
            "head": self.head,
            "marks": {str(position): mark for position, mark in sorted(self.marks.items())},
            "file": self.file_name,
            "sha256": self.sha256,
            "made": self.made.isoformat(),
            "key": self.key,
        }
        return json.dumps(values, separators=(",", ":"))


def file_name(month: date) -> str:
    return f"audit-{month:%Y-%m}.jsonl.gz"


def manifest_name(month: date) -> str:
    return f"audit-{month:%Y-%m}.manifest.json"


def judge(text: str, signature: str, keys: Sequence[seals.TrustedKey]) -> Manifest:
    """Return what a manifest says, if a trusted key has signed it. Raises seals.Forged."""
    said = _read(text)
    if seals.vouched(said.key, said.made, text, signature, keys) != seals.PROVEN:
        raise seals.Forged("is not signed")
    return said


def _read(text: str) -> Manifest:
    try:
        said = json.loads(text)
        if said["version"] != VERSION:
            raise ValueError
        return Manifest(
            month=date.fromisoformat(f"{said['month']}-01"),
            first=int(said["first"]),
            last=int(said["last"]),
            previous=str(said["previous"]),
            head=str(said["head"]),
            marks={int(position): str(mark) for position, mark in said["marks"].items()},
            sha256=str(said["sha256"]),
            made=date.fromisoformat(said["made"]),
            key=str(said["key"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise seals.Forged("cannot be read") from None


@contextmanager
def written(path: Path, pieces: Iterable[bytes]) -> Iterator[Path]:
    """Write a whole, flushed file under a temporary name for the block to check; rename it only if nothing is raised.

    An unfinished file is removed: it would keep a full disk full, and each try would add another. A process that is
    killed removes nothing, so the next one to write the same file removes what no process holds any more.
    """
    _remove_what_is_left(path)
    new = path.with_name(f".{uuid.uuid4().hex}")
    part = path.with_name(f".{path.name}{new.name}")  # somebody else may be writing the same
    try:
        with new.open("wb") as file:
            with suppress(OSError):  # a folder that knows no locks
                fcntl.flock(file, fcntl.LOCK_EX)
            new.replace(part)  # locked before it has a name by which others would look for it
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
            yield part
            part.rename(path)
    finally:
        new.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name must last as well as the content
    finally:
        os.close(folder)


def _remove_what_is_left(path: Path) -> None:
    for part in path.parent.glob(f".{path.name}.*"):
        with suppress(OSError), part.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held by whoever is still writing it
            part.unlink()


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_back(path: Path, first: int, last: int, previous: str, wanted: Collection[int]) -> dict[int, str]:
    """Follow the chain through the file from `first` to `last`; return the hashes at `wanted` and at `last`.

    Raises Unfit at the first line that does not fit, and OSError or EOFError for a file that cannot be read.
    """
    found: dict[int, str] = {}
    position, proof = first - 1, None
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if proof is not None:
                raise Unfit("something follows the proof")
            if "proof" in row:
                proof = row["proof"]
                continue
            position += 1
            said = row | {"at": datetime.fromisoformat(row["at"])}
            if (
                row["id"] != position
                or row["previous"] != previous
                or chain.link(previous, said) != row["hash"]
            ):
                raise Unfit(f"event {position} does not follow the one before")
            previous = row["hash"]
            if position in wanted:
                found[position] = previous
    if position != last or proof is None:
        raise Unfit(f"it ends with event {position}, and not with {last} and the proof")
    return found | {last: previous}
