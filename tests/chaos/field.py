"""The whole portal as real processes that can be struck one by one, and a database that this process reads too."""

from __future__ import annotations

import secrets
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import redis
import requests
from django.conf import settings
from django.db import DatabaseError, connection
from django.test import Client

from tests.journey.stack import Stack, database, set_up
from tests.processes import free_port, start, strike, wait_until
from trunks.models import ListedTrunk, MasterTrunk, SubAccount, TrunkRequest, User
from trunks.sandbox.estate import NORTHWIND
from trunks.workflow import filing

WORKERS = ("worker-1", "worker-2")
WORKING = ("approved", "applying", "unconfirmed")
TRUNKS = "/sip_trunk/trunks$"
UNRECOVERABLE, NOT_STARTED = "Unrecoverable error: ", "WorkerLostError('Could not start worker processes')"


class Field(Stack):
    """A running portal with two workers: on PostgreSQL with a Redis of its own, or on SQLite and the file broker."""

    @property
    def embedded(self) -> bool:
        return not self.environment["REDIS_URL"]

    def set_out(self) -> None:
        """Start everything and connect the sandbox's first master account."""
        if not self.embedded:
            self.start_redis()
        self.start_sandbox()
        self.manage("seed_demo", "--people")
        self.connect()
        for name in WORKERS:
            self.start_worker(name)
        self.start_beat()
        self.start_web()
        self.staff = User.objects.get(email="staff@example.com")
        self.visitor = self._visitor("supervisor@example.com")
        self.trunks = list(MasterTrunk.objects.order_by("pk"))
        free = SubAccount.objects.filter(trunks_problem="", listed_trunks=None, master__name=NORTHWIND.name)
        self.subs = list(free.order_by("pk"))

    def connect(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(NORTHWIND.client_secret)
        options = ["--name", NORTHWIND.name, "--account-id", NORTHWIND.account_id]
        options += ["--client-id", NORTHWIND.client_id, "--client-secret-file", str(secret)]
        self.manage("connect_master", *options)

    # --- Redis, which keeps nothing on disk

    def start_redis(self) -> None:
        program = shutil.which("redis-server")
        assert program, "Redis is not installed: run .ci/bootstrap."
        place = ["--port", "0", "--unixsocket", str(self.folder / "redis.sock"), "--dir", str(self.folder)]
        command = [program, *place, "--save", "", "--appendonly", "no"]
        self.processes["redis"] = start(command, log=self.folder / "redis.log")
        self.processes["redis"].wait_for_line("ready to accept connections")
        # A restarted Redis would be believed to be ready at once by its old line.
        (self.folder / "redis.log").write_text("")

    # --- striking

    def kill(self, name: str) -> None:
        """Kill a process with all its children (SIGKILL)."""
        self.processes[name].kill()

    def stop_for_a_while(self, name: str) -> None:
        """Stop a process and its children where they are (SIGSTOP)."""
        process = self.processes[name]
        for pid in (process.pid, *process.children()):
            strike(pid, signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        process = self.processes[name]
        for pid in (process.pid, *process.children()):
            strike(pid, signal.SIGCONT)

    @contextmanager
    def workers_stopped(self) -> Iterator[None]:
        """Stop both workers for a while, none with SQLite's lock in hand, which would keep out everybody else."""
        with self._holding_the_database() if self.embedded else nullcontext():
            for name in WORKERS:
                self.stop_for_a_while(name)
        try:
            yield
        finally:
            for name in WORKERS:
                self.go_on(name)

    def kill_pool(self, name: str, most: int = 2) -> None:
        """Kill the processes that do a worker's tasks, or some of them."""
        for pid in self.processes[name].children()[:most]:
            strike(pid, signal.SIGKILL)

    def cut_database(self) -> None:
        """Terminate every connection to the database but this one; SQLite has none, so hold its lock for a while."""
        if self.embedded:
            with self._holding_the_database():
                time.sleep(1.0)
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    @contextmanager
    def _holding_the_database(self) -> Iterator[None]:
        file = self._data / "portal.sqlite3"
        with closing(sqlite3.connect(file, timeout=20, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield

    @property
    def _data(self) -> Path:
        return Path(self.environment["DATA_DIR"])

    @contextmanager
    def broker_lost(self) -> Iterator[None]:
        """Have no broker for a while, and everything that is in it lost: killed, or its files removed unread."""
        if not self.embedded:
            self.kill("redis")
            yield
            self.restart("redis")
            return
        with self.workers_stopped():
            yield
            self.empty_broker()

    def empty_broker(self) -> None:
        """Remove the messages that the file broker holds."""
        for message in (self._data / "broker").rglob("*.msg"):
            message.unlink(missing_ok=True)

    def cut_redis(self) -> None:
        """Close every connection to Redis, as CLIENT KILL does."""
        with redis.Redis(unix_socket_path=str(self.folder / "redis.sock")) as link:
            for kind in ("normal", "pubsub"):
                link.client_kill_filter(_type=kind, skipme=True)

    def is_ready(self) -> bool:
        """Say what the health page says."""
        return requests.get(f"{self.url}/readyz", timeout=30).ok

    def end_in_order(self, name: str) -> None:
        """Have a process end as a deployment does (SIGTERM), and wait for that."""
        self.processes[name].end()

    def ask_to_end(self, name: str) -> None:
        """Tell a process to end (SIGTERM), and leave it to finish what it does."""
        self.processes[name].popen.terminate()

    def replace(self, name: str) -> None:
        """Start again what was told to end, once it has; what has not after twenty seconds is killed."""
        self.processes[name].stop(seconds=20)
        self.restart(name)

    def restart(self, name: str) -> None:
        """Start again what was killed."""
        if name == "redis":
            self.start_redis()
        elif name == "beat":
            self.start_beat()
        elif name == "web":
            self.start_web()
        else:
            self.start_worker(name)

    def _start_again(self) -> None:
        """Start what Celery ended because its pool was killed in its very first moment, as whoever runs it would."""
        for name in WORKERS:
            process = self.processes[name]
            if process.popen.poll() == 1 and process.output().rpartition(UNRECOVERABLE)[2].startswith(
                NOT_STARTED
            ):
                self.start_worker(name)

    def breakdowns(self) -> list[str]:
        """Return what ended a worker that nobody had struck: another one takes over, and nothing else would show it."""
        logs = [log.read_text(errors="replace") for log in sorted(self.folder.glob("*.log"))]
        return [
            end[:4000]
            for log in logs
            for end in log.split(UNRECOVERABLE)[1:]
            if not end.startswith(NOT_STARTED)
        ]

    def fault(self, kind: str, **options: Any) -> None:
        """Have the sandbox do `kind` to calls that assign trunks."""
        order = {"kind": kind, "method": "POST", "path": TRUNKS, **options}
        requests.post(f"{self.sandbox_url}/_sandbox/faults", json=order, timeout=30).raise_for_status()

    # --- people

    def file(self, number: int, count: int = 1) -> TrunkRequest:
        """File a request for lines that nobody else wants; `number` tells it from all others."""
        sub = self.subs[number % len(self.subs)]
        wanted = self._free[number * count : (number + 1) * count]
        drafts = [filing.LineDraft(trunk, dnis) for trunk, dnis in wanted]
        draft = filing.Draft(sub, "assign", f"Request {number}", "", drafts)
        return filing.file(draft, actor=self.staff)

    @cached_property
    def _free(self) -> list[tuple[MasterTrunk, str]]:
        """Return every DNIS of the first two trunks that nobody had at the beginning, with its trunk, in turn."""
        had = set(ListedTrunk.objects.filter(gone_at=None).values_list("dnis", flat=True))
        every = [(trunk, f"{trunk.prefix}{end:03}") for end in range(1000) for trunk in self.trunks[:2]]
        return [(trunk, dnis) for trunk, dnis in every if dnis not in had]

    def approve(self, trunk_request: TrunkRequest) -> int:
        """Approve on the page, as a browser does; return the status, or 0 when nobody answers."""
        url = f"{self.url}/requests/{trunk_request.reference}/approve/"
        body = {"version": trunk_request.version, "comment": "", "csrfmiddlewaretoken": self._token}
        try:
            answer = self.visitor.post(url, data=body, allow_redirects=False, timeout=30)
        except requests.RequestException:
            return 0
        # Being sent to prove who one is is no approval.
        return 403 if "/accounts/" in answer.headers.get("Location", "") else answer.status_code

    def state(self, trunk_request: TrunkRequest) -> str:
        trunk_request.refresh_from_db()
        return str(trunk_request.state)

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
        """Wait as `wait_until` does, over lost connections to the database."""

        def holds() -> bool:
            self._start_again()
            try:
                return condition()
            except DatabaseError:
                connection.close()
                return False

        wait_until(holds, what, seconds)

    def wait_for_end(self, *filed: TrunkRequest, seconds: float = 120.0) -> None:
        """Return when none of `filed` is being worked on."""
        ours = TrunkRequest.objects.filter(pk__in=[trunk_request.pk for trunk_request in filed])
        self.wait(lambda: not ours.filter(state__in=WORKING).exists(), "every request has ended", seconds)

    def posts(self, dnis: str) -> list[dict[str, Any]]:
        """Return the calls that tried to assign `dnis`, as the sandbox has them in its journal."""
        calls = self.sandbox("calls?method=POST&path=sip_trunk/trunks")["calls"]
        return [call for call in calls if dnis in str(call["body"])]

    def _visitor(self, email: str) -> requests.Session:
        browser = Client()
        browser.force_login(
            User.objects.get(email=email), backend="django.contrib.auth.backends.ModelBackend"
        )
        session = requests.Session()
        session.trust_env = False
        self._token = secrets.token_hex(16)
        session.cookies.set(settings.SESSION_COOKIE_NAME, browser.cookies[settings.SESSION_COOKIE_NAME].value)
        session.cookies.set(settings.CSRF_COOKIE_NAME, self._token)
        return session


@contextmanager
def running(**environment: str) -> Iterator[Field]:
    """Give a field on an empty database, which this process's models read as well, and clear it afterwards."""
    with ExitStack() as cleaning:
        folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        cleaning.callback(shutil.rmtree, folder, ignore_errors=True)
        url, redis_url = _embedded(folder) if connection.vendor == "sqlite" else ("", "")
        if not url:
            url, redis_url = cleaning.enter_context(database()), f"unix://{folder}/redis.sock"
        cleaning.enter_context(_reading(url))
        port, zoom = free_port(), f"http://127.0.0.1:{free_port()}"
        own = {
            "DATA_DIR": str(folder / "data"),
            "SITE_URL": f"http://127.0.0.1:{port}",
            "ALLOWED_HOSTS": "127.0.0.1",
            "STEP_UP_SECONDS": "0",  # a slow run outlasts a proof
            "ZOOM_API_URL": f"{zoom}/v2",
            "ZOOM_OAUTH_URL": f"{zoom}/oauth/token",
            "LOG_LEVEL": "INFO",
            "DATABASE_URL": url,
            "REDIS_URL": redis_url,
        }
        field = Field(folder, own | environment, port)
        cleaning.callback(field.stop)
        field.set_out()
        yield field


def _embedded(folder: Path) -> tuple[str, str]:
    """Return the addresses of a database of files that was migrated and is empty, and of no Redis."""
    shutil.copytree(set_up(), folder / "data")
    return f"sqlite:///{folder}/data/portal.sqlite3", ""


@contextmanager
def _reading(url: str) -> Iterator[None]:
    """Have this process's models read the database at `url`."""
    connection.close()
    before = connection.settings_dict["NAME"]
    embedded = connection.vendor == "sqlite"
    name = url.removeprefix("sqlite:///") if embedded else url.partition("?")[0].rpartition("/")[2]
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
