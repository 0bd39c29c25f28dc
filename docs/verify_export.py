#!/usr/bin/env python3
"""Verify an export of the audit trail without the portal: Python's standard library and `cryptography` are enough.

    python3 -I verify_export.py export.jsonl --key BASE64[@FIRST-DAY..LAST-DAY] [--key …] [--digests FOLDER]
    python3 -I verify_export.py events.csv --proof proof.jsonl --key …

`export.jsonl` is what the portal hands out as JSON Lines: one event a line, and in the last line the proof. An archive
of a month (`audit-2026-01.jsonl.gz`) is the same, packed. A table (`events.csv`) has its proof in a file of its own,
beside it in the ZIP file; it is verified as it was handed out, and not as a spreadsheet has saved it again. The public
key comes from the portal's operator, by another way than the export. `--digests` names a folder of the digests' files,
such as a copy of the second place; then those count, and not the ones in the export.

What is verified, and what is not:
- every event: its hash over all its fields and the hash of the event before, so that no field of it was altered;
- where events follow each other without a gap: that none was removed, swapped or put in between;
- every digest: its signature, that the key was valid on that day, that it follows the digest of the day before;
- where an event is the last of a digest: that the signed hash is the event's. An event is *proven* when a chain of
  events in this export leads from it to such a hash. Without one it is only consistent with itself.

This page shares no code with the portal, on purpose. Exit status: 0 in order, 1 something does not fit,
2 cannot be read.
"""

import argparse
import base64
import csv
import gzip
import hashlib
import json
import pathlib
import sys
import zlib
from datetime import date, datetime, timedelta, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIELDS = (
    *("id", "at", "action", "outcome"),
    *("actor_id", "actor_email", "actor_name", "on_behalf_of_id", "on_behalf_of_name"),
    *("object_type", "object_id", "object_label"),
    *("master_id", "master_name", "sub_account_id", "sub_account_name", "dnis"),
    *("before", "after", "comment"),
    *("request_id", "tracking_id", "ip", "user_agent", "portal_version"),
)
WHOLE = {*FIELDS, "previous", "hash"}
# Of these a table's empty cell is no number at all; of every other column it is an empty text.
NUMBERS = ("actor_id", "on_behalf_of_id", "master_id", "sub_account_id")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017  # old Pythons have no datetime.UTC


class Wrong(Exception):
    """Something does not fit; the message says what."""


def hash_of(event):
    """Return the SHA-256 of an event: each value with its length in bytes before it, "-" for none at all."""
    parts = ["portal-audit-1", measured(event["previous"])]
    for name in FIELDS:
        value = event[name]
        if name == "at":
            value = (datetime.fromisoformat(value) - EPOCH) // timedelta(microseconds=1)
        parts.append(measured(value))
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def measured(value):
    if value is None:
        return "-"
    return f"{len(str(value).encode())}:{value}"


def trusted(text):
    """Return (id, key, first day, last day) of `BASE64` or `BASE64@FIRST..LAST`."""
    encoded, _, span = text.partition("@")
    public = base64.b64decode(encoded)
    first, _, last = span.partition("..")
    name = hashlib.sha256(public).hexdigest()[:16]
    return name, Ed25519PublicKey.from_public_bytes(public), first or "0001-01-01", last or "9999-12-31"


def check_digest(digest, keys):
    """Return what a digest says, as a dictionary, if its signature counts for its day."""
    text = digest["statement"]
    said = json.loads(text)
    fits = [key for key in keys if key[0] == said["key"] and key[2] <= said["day"] <= key[3]]
    if not fits:
        raise Wrong(f"digest of {said['day']}: no key that you trust for that day has signed it")
    try:
        fits[0][1].verify(base64.b64decode(digest["signature"]), text.encode())
    except (InvalidSignature, ValueError):
        raise Wrong(f"digest of {said['day']}: the signature does not fit") from None
    return said


def check_digests(digests, keys):
    """Return {position: signed hash} of all digests, which must follow each other day by day."""
    signed, before = {}, None
    for digest in sorted(digests, key=lambda one: json.loads(one["statement"])["day"]):
        said = check_digest(digest, keys)
        if before:
            follows = date.fromisoformat(json.loads(before)["day"]) + timedelta(days=1)
            if said["day"] != follows.isoformat():
                raise Wrong(f"digest of {said['day']}: that of {follows} is missing before it")
            if said["previous"] != hashlib.sha256(before.encode()).hexdigest():
                raise Wrong(f"digest of {said['day']}: it does not follow the digest before")
        before = digest["statement"]
        signed[said["last"]] = said["head"]
    return signed


def check_events(lines, signed):
    """Check one event after the other, oldest first; return how many there are, how many are proven, and the gaps."""
    count, before, proven, waiting, gaps = 0, None, 0, 0, 0
    for event in lines:
        number = event["id"]
        if set(event) != WHOLE:
            raise Wrong(f"event {number}: it has other fields than an event of the trail")
        if hash_of(event) != event["hash"]:
            raise Wrong(f"event {number}: a field or its hash was altered")
        if before and number <= before["id"]:
            raise Wrong(f"event {number}: it stands after event {before['id']}")
        if before and number == before["id"] + 1:
            if event["previous"] != before["hash"]:
                raise Wrong(f"event {number}: it does not follow the event before; one was altered or put in")
        elif before:
            gaps, waiting = gaps + 1, 0  # what lies before a gap cannot be proven by what comes after
        if number in signed and signed[number] != event["hash"]:
            raise Wrong(
                f"event {number}: a signed digest has another hash; it, or one before it, was rewritten"
            )
        count, waiting, before = count + 1, waiting + 1, event
        if number in signed:
            proven, waiting = proven + waiting, 0
    return count, proven, gaps


def read(path):
    """Yield the events of the file, and where the proof is in it, at the end {"proof": …}."""
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        if path.endswith(".csv"):
            csv.field_size_limit(2**31 - 1)
            yield from map(as_stored, csv.DictReader(file, strict=True))
        else:
            for line in file:
                yield json.loads(line)


def as_stored(row):
    """Return the event of a table's line: without the apostrophe that keeps a text from being run as a formula."""
    event = {name: text[1:] if str(text).startswith("'") else text for name, text in row.items()}
    return event | {"id": int(event["id"])} | {name: event[name] or None for name in NUMBERS}


def verify(path, proof_path, folder, keys):
    """Return what is to be said of a file in which nothing is wrong. Raises Wrong."""
    proof = next((line["proof"] for line in read(proof_path) if "proof" in line), None)
    if proof is None:
        raise Wrong("the last line with the proof is missing: the export was cut off")
    digests = proof["digests"]
    if folder:
        files = sorted(pathlib.Path(folder).glob("audit-*.json"))
        digests = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    signed = check_digests(digests, keys)
    events = (line for line in read(path) if "proof" not in line)
    count, proven, gaps = check_events(events, signed)
    if count != proof["events"]:
        raise Wrong(f"there are {count} events here, and {proof['events']} were exported")
    left_out = f"with {gaps} gaps where this export leaves events out" if gaps else "without a gap"
    return f"{count} events {left_out}, {proven} of them proven by {len(signed)} signed hashes"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("export")
    parser.add_argument("--proof", metavar="FILE")
    parser.add_argument("--key", action="append", default=[], required=True)
    parser.add_argument("--digests", metavar="FOLDER")
    options = parser.parse_args()
    if options.export.endswith(".csv") and not options.proof:
        parser.error("a table has its proof in a file of its own: --proof proof.jsonl")
    try:
        keys = [trusted(text) for given in options.key for text in given.split()]
        said = verify(options.export, options.proof or options.export, options.digests, keys)
    except Wrong as error:
        print(f"NOT IN ORDER: {error}.")
        return 1
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        csv.Error,
        zlib.error,
    ) as error:
        print(f"Cannot be read: {type(error).__name__}: {error}")
        return 2
    print(f"In order: {said}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
