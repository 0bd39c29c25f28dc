"""Celery's settings. The database is the queue: a message may come twice, late or never, and nothing is lost by it."""

from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from kombu import Exchange, Queue
from kombu.transport import TRANSPORT_ALIASES

from portal import broker
from trunks import dispatch

# A class path inside a broker's address is refused, so the transport gets a name.
TRANSPORT_ALIASES["localfs"] = "portal.broker:Transport"
TRANSPORT_ALIASES |= dict.fromkeys(("redis", "rediss"), "portal.redis_broker:Transport")


def redis_broker_url(url: str) -> str:
    """Return `url` as Kombu spells it: `unix:///a/redis.sock?db=1` has another scheme and word there.

    Addresses with redis:// and rediss:// are the same in both.
    """
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    account = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return f"redis+socket://{account}{parts.path}?virtual_host={database}"


# --- the broker -------------------------------------------------------------------------------------------------

REDIS_SECONDS = 3
if settings.REDIS_URL:
    broker_url = redis_broker_url(settings.REDIS_URL)
    broker_transport_options: dict[str, object] = {
        # As the file broker does: the queues of `task_queues` in their order, and not in turn.
        "queue_order_strategy": "priority",
        # A Redis that hangs must not hang the web request that rings it.
        "socket_timeout": REDIS_SECONDS,
        "socket_connect_timeout": 1,
    }
else:
    broker_url = "localfs://localhost"  # Kombu warns of an address without a host
    broker_transport_options = broker.transport_options(settings.BROKER_DIR)
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
# The row is committed when a message is sent, and the sweep finds it: a person waits half a second, not longer.
task_publish_retry_policy = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}

# --- messages ---------------------------------------------------------------------------------------------------

imports = ["portal.housekeeping"]
# A worker takes from the second queue when the first is empty: what was approved waits for the turn of letters that has
# begun at most. People approve slower than Zoom answers, so the first is empty soon, and all letters go out.
TELLING = "telling"
task_default_queue = "celery"
task_queues = [Queue(task_default_queue), Queue(TELLING, Exchange(TELLING), routing_key=TELLING)]
task_routes = {task: {"queue": TELLING, "routing_key": TELLING} for task in dispatch.UNHURRIED}
accept_content = ["json"]
task_serializer = "json"
task_ignore_result = True
timezone = "UTC"
enable_utc = True

# --- the worker -------------------------------------------------------------------------------------------------

task_time_limit = 15 * 60
task_acks_late = True
task_reject_on_worker_lost = (
    True  # acks_late alone acknowledges a task whose process was killed (celery/celery#1628)
)
worker_pool = "portal.pool:TaskPool"
worker_prefetch_multiplier = 1
worker_max_tasks_per_child = 500
# Celery would close the database connection before and after each task, and a new one has a new process at the
# database, which must read the catalogue and make every plan anew. portal.worker looks after the connections instead.
CELERY_DB_REUSE_MAX = 2 * worker_max_tasks_per_child
worker_hijack_root_logger = False
worker_soft_shutdown_timeout = settings.HTTP_DEADLINE_SECONDS + 10

# --- the clock --------------------------------------------------------------------------------------------------

beat_scheduler = "portal.timetable:Timetable"
beat_schedule_filename = str(settings.DATA_DIR / "beat")
beat_schedule = {
    "sweep": {
        "task": "trunks.tasks.sweep",
        "schedule": settings.SWEEP_SECONDS,
        # While no worker runs, sweeps do not pile up.
        "options": {"expires": max(settings.SWEEP_SECONDS, 1) * 2},
    },
    "sync-all": {
        "task": "trunks.tasks.sync_all",
        "schedule": settings.SYNC_SECONDS,
        "options": {"expires": settings.SYNC_SECONDS},
    },
    "audit-months": {
        "task": "trunks.tasks.make_audit_months",
        "schedule": 86400.0,
        "options": {"expires": 86400},
    },
    "keep-audit": {
        "task": "trunks.tasks.keep_audit",
        "args": (0,),
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "forget-ended": {
        "task": "trunks.tasks.forget_ended",
        "args": (0,),
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "clear-sessions": {
        "task": "portal.housekeeping.clear_sessions",
        "schedule": 86400.0,
        "options": {"expires": 86400},
    },
}
if not settings.REDIS_URL:
    beat_schedule["empty-broker"] = {
        "task": "portal.housekeeping.empty_broker",
        "schedule": 300.0,
        "options": {"expires": 300},
    }
