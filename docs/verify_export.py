#!/usr/bin/env python3
"""Verify an export of the audit trail without the portal: Python's standard library and `cryptography` are enough.

    python3 -I verify_export.py export.jsonl --key BASE64[@FIRST-DAY..LAST-DAY] [--key …] [--digests FOLDER]
    python3 -I verify_export.py events.csv --proof proof.jsonl --key …

`export.jsonl` is what the portal hands out as JSON Lines: one event a line, and in the last line the proof. An archive
of a month (`audit-2026-01.jsonl.gz`) is the same, compressed. A table (`events.csv`) has its proof in a file of its
own, beside it in the ZIP file; verify it as it was handed out, not after a spreadsheet has saved it. Get the public key
from the portal's operator, by another way than the export. `--digests` names a folder with the files of the digests,
such as a copy of the second place; then those count instead of the ones in the export.

What is verified, and what is not:
- every line: that it is, character by character, what the portal writes;
- every event: its hash over all its fields and the hash of the event before, so that no field of it was altered;
- where events follow each other without a gap: that none was removed, swapped or inserted;
- every digest: its signature, that the key was valid on that day, that it follows the digest of the day before; one
  from before the first day of every key may be unsigned, and then proves nothing;
- where an event is the last of a digest: that the signed hash is the event's. An event is *proven* when a chain of
  events in this export leads from it to such a hash. Without one it is only consistent with itself.
- not the proof itself: what comes after the last proven event could have been cut off, with its numbers made to fit.

This page shares no code with the portal, on purpose. Exit status: 0 in order, 1 something does not fit,
2 cannot be read.
"""

import argparse
import base64
import csv
import gzip
import hashlib
import io
import json
import pathlib
import sys
import zlib
from collections import deque
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
WHOLE = [*FIELDS, "previous", "hash"]
# Whole numbers, and all but the first perhaps none at all; everything else is text.
NUMBERS = ("id", "actor_id", "on_behalf_of_id", "master_id", "sub_account_id")
HEADER = "\ufeff" + ",".join(WHOLE) + "\r\n"
# What a spreadsheet takes for a formula; the portal puts an apostrophe before a text that begins so.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017  # old Pythons have no datetime.UTC
UNREADABLE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError),
    *(AttributeError, OverflowError, RecursionError),
)


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
    public = base64.b64decode(encoded, validate=True)
    first, dots, last = span.partition("..")
    ends = first or "0001-01-01", last or "9999-12-31"
    first, last = (date.fromisoformat(day).isoformat() for day in ends)  # compared as text: in one spelling
    if bool(span) != bool(dots) or first > last:
        raise ValueError(f"{text} names no days")
    name = hashlib.sha256(public).hexdigest()[:16]
    return name, Ed25519PublicKey.from_public_bytes(public), first, last


def check_digest(digest, keys):
    """Return what a digest says, as a dictionary, and whether it is signed; before there was any key it need not be."""
    text = digest["statement"]
    said = json.loads(text)
    if said["key"] == "" and said["day"] < min(key[2] for key in keys):
        return said, False
    fits = [key for key in keys if key[0] == said["key"] and key[2] <= said["day"] <= key[3]]
    if not fits:
        raise Wrong(f"digest of {said['day']}: no key that you trust for that day has signed it")
    try:
        fits[0][1].verify(base64.b64decode(digest["signature"]), text.encode())
    except (InvalidSignature, ValueError):
        raise Wrong(f"digest of {said['day']}: the signature does not fit") from None
    return said, True


def check_digests(digests, keys):
    """Return {position: signed hash} of all digests, which must follow each other day by day."""
    signed, before = {}, None
    for digest in sorted(digests, key=lambda one: json.loads(one["statement"])["day"]):
        said, is_signed = check_digest(digest, keys)
        if before:
            follows = date.fromisoformat(json.loads(before)["day"]) + timedelta(days=1)
            if said["day"] != follows.isoformat():
                raise Wrong(f"digest of {said['day']}: that of {follows} is missing before it")
            if said["previous"] != hashlib.sha256(before.encode()).hexdigest():
                raise Wrong(f"digest of {said['day']}: it does not follow the digest before")
        before = digest["statement"]
        if is_signed:
            signed[said["last"]] = said["head"]
    return signed


def check_event(event, before):
    """Check one event by itself, and against the one before it in the file; say whether it follows that."""
    number = event.get("id")
    if list(event) != WHOLE:
        raise Wrong(f"event {number}: it has other fields than an event of the trail")
    if not all(map(fits, WHOLE, event.values())):
        raise Wrong(f"event {number}: a field holds something that an event cannot hold")
    if hash_of(event) != event["hash"]:
        raise Wrong(f"event {number}: a field or its hash was altered")
    if number == 1 and event["previous"] != "0" * 64:
        raise Wrong("event 1: it names an event before it, and there can be none")
    if before and number <= before["id"]:
        raise Wrong(f"event {number}: it comes after event {before['id']}")
    follows = before and number == before["id"] + 1
    if follows and event["previous"] != before["hash"]:
        raise Wrong(f"event {number}: it does not follow the event before; one was altered or inserted")
    return follows


def check_events(lines, signed):
    """Check all events, oldest first; return how many, the first, the last, how many are proven, the gaps."""
    count, first, before, proven, waiting, gaps = 0, 0, None, 0, 0, 0
    for event in lines:
        number = event.get("id")
        if not check_event(event, before) and before:
            gaps, waiting = gaps + 1, 0  # what lies before a gap cannot be proven by what comes after
        if number in signed and signed[number] != event["hash"]:
            raise Wrong(
                f"event {number}: a signed digest has another hash; it, or one before it, was rewritten"
            )
        count, first, waiting, before = count + 1, first or number, waiting + 1, event
        if number in signed:
            proven, waiting = proven + waiting, 0
    return count, first, before["id"] if before else 0, proven, gaps


def fits(name, value):
    """Say whether a field holds what it should: a number, text, or a moment as it is written in UTC."""
    if name in NUMBERS:
        return type(value) is int or (value is None and name != "id")
    if name != "at" or not isinstance(value, str):
        return isinstance(value, str)
    return datetime.fromisoformat(value).isoformat() == value and value.endswith("+00:00")


def opened(path):
    # Without any translation: line ends and a byte order mark are characters like others.
    return (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8", newline="")


def proof_of(path):
    """Return what the last line says about the others."""
    with opened(path) as file:
        line = next(iter(deque(file, maxlen=1)), "{}")
    said = as_written(line, "the last line")
    if list(said) != ["proof"]:
        raise Wrong("the last line with the proof is missing: the export was cut off")
    return said["proof"]


def read(path):
    """Yield the events of the file; where the proof is in it, nothing may follow that."""
    with opened(path) as file:
        if path.lower().endswith(".csv"):
            csv.field_size_limit(2**31 - 1)
            yield from table(file)
            return
        ended = False
        for number, line in enumerate(file, start=1):
            if ended:
                raise Wrong(f"line {number}: it follows the proof, which ends an export")
            said = as_written(line, f"line {number}")
            ended = list(said) == ["proof"]
            if not ended:
                yield said


def as_written(line, name):
    """Return what a line says, if written again it is the very same: a second value for a field would be gone."""
    said = json.loads(line)
    if not isinstance(said, dict) or f"{json.dumps(said, ensure_ascii=False)}\n" != line:
        raise Wrong(f"{name} is not as the portal writes it")
    return said


def table(file):
    """Yield the events of a table, of which every line must be the one that the portal would write."""
    lines = []
    rows = csv.reader((lines.append(line) or line for line in file), strict=True)
    for number, row in enumerate(rows, start=1):
        line = "".join(lines)
        lines.clear()
        if number == 1 and line == HEADER:
            continue
        event = dict(zip(WHOLE, map(as_stored, WHOLE, row)))  # noqa: B905  # old Pythons; the lengths are compared below
        if number == 1 or len(row) != len(WHOLE) or written(event) != line:
            raise Wrong(f"row {number} is not as the portal writes it")
        yield event


def as_stored(name, text):
    """Return the value of a cell: without the apostrophe that keeps a text from being run as a formula."""
    if name in NUMBERS:
        return int(text) if text.isascii() and text.isdigit() else None
    return text[1:] if text.startswith("'") else text


def written(event):
    row = io.StringIO()
    csv.writer(row).writerow(map(harmless, event.values()))
    return row.getvalue()


def harmless(value):
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA) else value


def verify(path, proof_path, folder, keys):
    """Return what is to be said of a file in which nothing is wrong. Raises Wrong."""
    proof = proof_of(proof_path)
    digests = proof["digests"]
    if folder:
        files = sorted(pathlib.Path(folder).glob("audit-????-??-??.json"))
        digests = [json.loads(path.read_text(encoding="utf-8")) for path in files]
        if not digests:
            raise Wrong(f"there is no digest in {folder}")
    signed = check_digests(digests, keys)
    count, first, last, proven, gaps = check_events(read(path), signed)
    if count != proof["events"]:
        raise Wrong(f"there are {count} events here, and {proof['events']} were exported")
    if (first, last) != (proof["first"], proof["last"]):
        raise Wrong(
            f"here are the events {first} to {last}, and {proof['first']} to {proof['last']} were exported"
        )
    left_out = f"with {gaps} gaps where this export leaves events out" if gaps else "without a gap"
    said = f"In order: {count} events {left_out}, {proven} of them proven by {len(signed)} signed hashes."
    if count and not proven:
        said += "\nNone of them is proven: anybody who computes all hashes could have written this file."
    return said


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("export", help="the file to verify: .jsonl, .jsonl.gz or .csv")
    parser.add_argument("--proof", metavar="FILE", help="the proof of a .csv: proof.jsonl")
    parser.add_argument("--key", action="append", default=[], required=True, help="a public key")
    parser.add_argument("--digests", metavar="FOLDER", help="digests to use instead of those in the export")
    options = parser.parse_args()
    if options.export.lower().endswith(".csv") and not options.proof:
        parser.error("a table has its proof in a file of its own: --proof proof.jsonl")
    try:
        keys = [trusted(text) for given in options.key for text in given.split()]
        if not keys:
            raise ValueError("no key is given")
        said = verify(options.export, options.proof or options.export, options.digests, keys)
    except Wrong as error:
        print(f"NOT IN ORDER: {error}.")
        return 1
    except (*UNREADABLE, csv.Error, zlib.error) as error:
        print(f"Cannot be read: {type(error).__name__}: {error}")
        return 2
    print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
