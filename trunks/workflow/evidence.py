"""The evidence pack of one request: what was asked, decided, sent and read back, and what proves it, as an archive."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from trunks import audit, audit_chain, audit_export, audit_reading
from trunks.actions import Action
from trunks.models import AuditDigest, TrunkRequest, User
from trunks.workflow import archive

README = """Evidence for {reference}, made by the SIP trunk portal ({site}) for {name}.

evidence.html     to be read by people
request.json      the request, its lines, versions and decisions
calls.json        every call to Zoom about it, with what was sent and what came back; the lists are the read-backs
events.jsonl      its events of the audit trail, as they are stored, and in the last line the proof
digests/          the signed digests of the days from its first event on
public_keys.txt   the public keys; compare them with those that the portal's operator gave you by another way
verify_export.py  verifies events.jsonl without the portal:

    python3 -I verify_export.py events.jsonl --key "$(cat public_keys.txt)"{digests}

The events of one request are not all that happened in between, so the file shows that none of them was altered by
somebody who could not compute hashes, and no more. What proves them is the whole chain of their days: an export
without filters, or `python manage.py verify_audit` on the portal.
"""
# Without one the verifier would say that the folder which it was told of holds none: that something is not in order.
UNSEALED = """

No digest is here yet: that of a day is made when the day is over, by UTC. A pack that is taken then has it."""


def pack(trunk_request: TrunkRequest, page: str, *, actor: User) -> bytes:
    """Return the archive. That `actor` took it is written down first; `page` is evidence.html."""
    last, _ = audit_chain.ends()
    with audit.change():
        audit.record(
            Action.EVIDENCE_EXPORTED, actor=actor, on=trunk_request, after={"up_to_event": last.position}
        )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in _files(trunk_request, page, last.position, actor):
            file.writestr(f"{trunk_request.reference}/{name}", content)
    return packed.getvalue()


def _files(
    trunk_request: TrunkRequest, page: str, upto: int, actor: User
) -> Iterator[tuple[str, str | bytes]]:
    history = audit_reading.history(trunk_request)
    first = history.values_list("id", flat=True).first() or 0
    digests = list(AuditDigest.objects.filter(last__gte=first).order_by("day"))
    said = {"reference": trunk_request.reference, "site": settings.SITE_URL, "name": actor}
    yield "README.txt", README.format(**said, digests=" --digests digests" if digests else UNSEALED)
    yield "evidence.html", page
    yield "request.json", _json(_request(trunk_request))
    yield "calls.json", _json(_calls(trunk_request))
    lines = audit_export.as_json_lines(audit_export.json_pieces(history, upto), trunk_request.reference)
    yield "events.jsonl", b"".join(lines)
    yield "public_keys.txt", archive.keys()
    yield "verify_export.py", archive.VERIFIER.read_bytes()
    for digest in digests:
        yield f"digests/{digest.file_name}", digest.envelope


def _request(trunk_request: TrunkRequest) -> dict[str, Any]:
    return _values(trunk_request) | {
        "reference": trunk_request.reference,
        "lines": [_values(line) for line in trunk_request.lines.all()],
        "versions": [_values(revision) for revision in trunk_request.revisions.order_by("pk")],
        "decisions": [_values(decision) for decision in trunk_request.decisions.order_by("pk")],
    }


def _calls(trunk_request: TrunkRequest) -> list[dict[str, Any]]:
    attempts = trunk_request.attempts.prefetch_related("calls")
    return [
        _values(attempt) | {"calls": [_values(call) for call in attempt.calls.all()]} for attempt in attempts
    ]


def _values(row: models.Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, cls=DjangoJSONEncoder) + "\n"
