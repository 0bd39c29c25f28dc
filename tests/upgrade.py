"""A portal of before the approval policies is upgraded: run with a DATABASE_URL of its own, says what came of it.

A process of its own, because the migrations work on the default database.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import django
from django.core.management import call_command
from django.utils import timezone

BEFORE = "0005_audit_months"


def old_rows() -> None:
    """Write as the old portal did: an approved request that waits, one that is done, one that is pending."""
    people = [row("User", email=f"{name}@example.com", name=name) for name in ("filer", "decider")]
    master = row("MasterAccount", name="N", zoom_id="n", client_id="c", client_secret="s", connected_at=NOW)
    account = row("SubAccount", master=master, zoom_id="a", name="A", first_seen_at=NOW, last_seen_at=NOW)
    for state, content_version in (("approved", 2), ("done", 1), ("pending", 1)):
        _request(state, content_version, people, master, account)
    lifted = {"start_asked_by": people[0], "start_asked_at": NOW, "started_by": people[1], "started_at": NOW}
    row("WriteStop", reason="r", in_force=False, stopped_by=people[1], stopped_at=NOW, **lifted)
    row("WriteStop", reason="r", in_force=False, stopped_by=people[0], stopped_at=NOW, **lifted)


def _request(state: str, content_version: int, people: list[Any], master: Any, account: Any) -> None:
    filer, decider = people
    approved = {"approved_by": decider, "approved_digest": state} if state != "pending" else {}
    made = {"master": master, "sub_account": account, "filed_by": filer, "filed_at": NOW, "changed_at": NOW}
    version = {"content_version": content_version, "content_digest": state, "state": state, "reason": "r"}
    trunk_request = row("TrunkRequest", **made, **version, **approved)
    for number in range(1, content_version + 1):
        about = {"trunk_request": trunk_request, "content_version": number}
        row("Revision", author=filer, at=NOW, content={}, digest=state, **about)
        if approved:
            verdict = {"verdict": "approve", "content_digest": state, "decided_at": NOW}
            row("Decision", decided_by=decider, **verdict, **about)


def row(model: str, **values: Any) -> Any:
    return OLD.get_model("trunks", model).objects.create(**values)


def found() -> dict[str, Any]:
    """Return what the upgrade has made of them, read by the portal of today."""
    from trunks.models import Decision, TrunkRequest, WriteStop  # noqa: PLC0415  # once the tables are there

    requests = TrunkRequest.objects.order_by("pk")
    return {
        "permits": {
            one.state: [
                (permit.spent_on, permit.content_digest, permit.needed, permit.decisions.count())
                for permit in one.permits.all()
            ]
            for one in requests
        },
        "needed": [one.approvals_needed for one in requests],
        "filers": sorted(Decision.objects.values_list("filed_by__name", flat=True)),
        "earlier_rule": list(WriteStop.objects.order_by("pk").values_list("by_earlier_rule", flat=True)),
    }


if __name__ == "__main__":
    django.setup()
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    NOW = timezone.now()
    call_command("migrate", "trunks", BEFORE, verbosity=0)
    OLD = MigrationExecutor(connection).loader.project_state([("trunks", BEFORE)]).apps
    old_rows()
    call_command("migrate", verbosity=0)
    sys.stdout.write(json.dumps(found()))
