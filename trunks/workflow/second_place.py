"""The second place of the digests: a folder that the database does not reach, such as a mounted bucket or another host.

Files are only ever added, whole and flushed to the disk before they get their name; none is opened for writing again.
A place that does not answer is one that cannot be read: mounts.NoAnswer, which is an OSError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path

from django.conf import settings

from trunks import archives, mounts
from trunks.models import AuditDigest

NAME = re.compile(r"audit-(\d{4}-\d{2}-\d{2})\.json")


def is_set() -> bool:
    return settings.AUDIT_DIGEST_DIR is not None


def days() -> list[date]:
    """Return the days of which a digest lies there, oldest first. Raises OSError."""
    return mounts.ask(_folder(), lambda: sorted(_days())) if is_set() else []


def newest_day() -> date | None:
    return max(days(), default=None)


def content(day: date) -> tuple[str, str] | None:
    """Return statement and signature of the digest that lies there for `day`, or None when there is none.

    Raises OSError where a file is there that may not or cannot be read, as of one by another account: nobody can say
    then whether it is the digest.
    """
    path = _folder() / f"audit-{day.isoformat()}.json"
    try:
        said = json.loads(mounts.ask(_folder(), partial(path.read_text, encoding="utf-8")))
        return str(said["statement"]), str(said["signature"])
    except (*mounts.NOT_THERE, ValueError, KeyError, TypeError, RecursionError):
        return None
    except mounts.NoAnswer:
        raise
    except OSError as error:
        raise OSError(
            error.errno, error.strerror, str(path)
        ) from error  # one of reading does not name its file


def put(digests: Iterable[AuditDigest]) -> None:
    """Write the digests there. Raises OSError; what was written until then stays."""
    if not is_set():
        return
    for digest in digests:
        mounts.ask(_folder(), partial(_write, _folder() / digest.file_name, digest.envelope.encode()))


def _write(path: Path, envelope: bytes) -> None:
    with archives.written(path, [envelope]):
        pass  # a digest is looked at where it lies, by whoever verifies


def _days() -> Iterator[date]:
    for path in _folder().iterdir():
        found = NAME.fullmatch(path.name)
        if found:
            with suppress(ValueError):  # a name with a day that there is not is none of ours
                yield date.fromisoformat(found[1])


def _folder() -> Path:
    return Path(str(settings.AUDIT_DIGEST_DIR))
