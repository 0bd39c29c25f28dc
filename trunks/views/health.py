"""What machines ask: is the process up, is the portal ready, and how is the work going."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import datetime
from secrets import compare_digest

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, Min
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trunks import audit, audit_roles, dispatch
from trunks.models import AuditCheck, AuditDigest, Circuit, Heartbeat, State, TrunkRequest, WriteStop, clock
from trunks.workflow import streaming

BROKER_TIMEOUT = 1.0
_OWNER_RUNS = (
    "The portal runs as the owner of the audit trail, and could remove its triggers:"
    " see `manage.py grant_runtime --help`."
)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer while the process is up; asks nothing else, so that a database that is down restarts no web server."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Say whether database, broker and a worker are there; 503 when one is missing. Names no host and no error.

    A database that takes no changes is missing, and so is a broker that takes no messages. It is for what alarms
    people: a web process serves them without broker and worker, so no load balancer may go by it.
    """
    database = _database_answers()
    checks = {
        "database": database,
        "broker": dispatch.broker_reachable(BROKER_TIMEOUT),
        "worker": database and _worker_seen(),
    }
    ready = all(checks.values())
    warnings = {"warnings": [_OWNER_RUNS]} if database and audit_roles.owner_runs_the_portal() else {}
    return JsonResponse({"ready": ready, **checks, **warnings}, status=200 if ready else 503)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Show the state of the work to Prometheus: on the machine itself, or to who knows METRICS_TOKEN."""
    if not _may_measure(request):
        raise Http404
    registry = CollectorRegistry()
    registry.register(Work())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Work(Collector):
    """Reads the database when asked: one truth, however many processes there are."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, ages in seconds; an age is 0 when nothing waits."""
        now = clock.read()  # as what it is compared with: the web's may differ
        yield from _requests(now)
        yield from _heartbeats(now)
        yield GaugeMetricFamily(
            "portal_writing_stopped",
            "1 while people have stopped writing to Zoom.",
            bool(WriteStop.current()),
        )
        yield GaugeMetricFamily(
            "portal_unanswered_intents",
            "Writes to Zoom that were about to be sent and whose outcome was never recorded.",
            audit.unanswered().count(),
        )
        yield GaugeMetricFamily(
            "portal_open_circuits",
            "Master accounts for which Zoom does not answer.",
            Circuit.objects.open().count(),
        )
        yield from _audit(now)


def _requests(now: datetime) -> Iterator[Metric]:
    """Yield how many requests there are by state, and how long the oldest of those that wait has not moved."""
    found = TrunkRequest.objects.order_by().values("state").annotate(Count("pk"), Min("changed_at"))
    counts = {row["state"]: row["pk__count"] for row in found}
    oldest = {row["state"]: row["changed_at__min"] for row in found}
    requests = GaugeMetricFamily("portal_requests", "Trunk requests by state.", labels=["state"])
    for state in State:
        requests.add_metric([state.value], counts.get(state, 0))
    yield requests
    ages = GaugeMetricFamily(
        "portal_oldest_request_seconds",
        "Time since the oldest request of a state last changed.",
        labels=["state"],
    )
    for state in (State.PENDING, State.APPROVED, State.UNCONFIRMED):
        ages.add_metric([state.value], _age(oldest.get(state), now))
    yield ages


def _audit(now: datetime) -> Iterator[Metric]:
    """Yield how far the audit trail is proven; what never happened has no value, which alerts as absent."""
    yield GaugeMetricFamily(
        "portal_audit_alarm",
        "1 from a failed verification of the audit trail until a full one has passed.",
        bool(AuditCheck.alarm()),
    )
    ages = GaugeMetricFamily(
        "portal_audit_age_seconds",
        "Time since the audit trail was last sealed by a digest, and last verified.",
        labels=["what"],
    )
    digest, full, new = (
        AuditDigest.objects.first(),
        AuditCheck.last_carried_out(full=True),
        AuditCheck.last_carried_out(full=False),
    )
    moments = {
        "digest": digest.made_at if digest else None,
        "full": full.finished_at if full else None,
        "incremental": new.finished_at if new else None,
    }
    for what, moment in moments.items():
        if moment:  # one that lies ahead alarms as well: a clock that was wrong has sealed days to come
            ages.add_metric([what], abs((now - moment).total_seconds()))
    yield ages
    if settings.AUDIT_STREAM:
        behind, waits = streaming.lag()
        yield GaugeMetricFamily(
            "portal_audit_stream_lag_events", "Audit events that have not arrived at AUDIT_STREAM.", behind
        )
        yield GaugeMetricFamily("portal_audit_stream_lag_seconds", "How long the first of them waits.", waits)


def _heartbeats(now: datetime) -> Iterator[Metric]:
    """Yield how long ago each kind of process was seen; one that never was has no value, which alerts as absent."""
    seen = GaugeMetricFamily(
        "portal_heartbeat_age_seconds",
        "Time since a process was last seen, or what recurs was last done.",
        labels=["name"],
    )
    for beat in Heartbeat.objects.exclude(name=Heartbeat.DIGEST_LETTERS).order_by("name"):
        seen.add_metric([beat.name], _age(beat.at, now))
    yield seen


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0) if since else 0.0


def _database_answers() -> bool:
    """Say whether the database answers and takes changes: a standby, or one that was locked for being full, does not.

    One whose disk has just run full still takes changes that need no new page; nothing short of filling it would tell.
    """
    try:
        Heartbeat.objects.exists()
        return not _read_only()
    except DatabaseError:
        return False


def _read_only() -> bool:
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        return bool(cursor.fetchone()[0] == "on")


def _worker_seen() -> bool:
    """Say whether a worker was seen lately, by the rule that the banner of every page goes by."""
    seen = Heartbeat.worker()
    return seen is not None and seen[1]


def _may_measure(request: HttpRequest) -> bool:
    token: str = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "")
    if token and compare_digest(given.encode(), f"Bearer {token}".encode()):
        return True
    # Behind a proxy on the same machine everybody comes from the loopback address; the header tells them apart.
    return "X-Forwarded-For" not in request.headers and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
