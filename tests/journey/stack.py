"""The whole portal as real processes: sandbox, web, worker and beat, on either pair of database and broker."""

from __future__ import annotations

import atexit
import json
import os
import re
import secrets
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from cryptography.fernet import Fernet

from tests.processes import PYTHON, Process, free_port, start, start_manage, start_web, start_worker

EMBEDDED = "SQLite and the file broker"
SERVERS = "PostgreSQL and Redis"
BOTH = (EMBEDDED, SERVERS)


@dataclass
class Stack:
    """Running processes by name, the environment they share, and where the portal answers."""

    folder: Path
    environment: dict[str, str]
    port: int
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.environment["SITE_URL"]

    @property
    def sandbox_url(self) -> str:
        return self.environment["ZOOM_API_URL"].removesuffix("/v2")

    def manage(self, *arguments: str) -> str:
        """Run a management command to its end and return what it printed."""
        log = self.folder / f"{arguments[0]}.log"
        process = start_manage(*arguments, log=log, environment=self.environment)
        status = process.popen.wait(180)
        assert status == 0, process.output()
        return process.output()

    def start_sandbox(self) -> None:
        port = self.sandbox_url.rpartition(":")[2]
        log = self.folder / "sandbox.log"
        process = start_manage("zoom_sandbox", "--port", port, log=log, environment=self.environment)
        self.processes["sandbox"] = process.wait_for_http(self.sandbox_url)

    def start_web(self) -> None:
        self.processes["web"] = start_web(
            log=self.folder / "web.log", environment=self.environment, port=self.port
        )

    def start_worker(self, name: str = "worker") -> None:
        self.processes[name] = start_worker(
            log=self.folder / f"{name}.log", environment=self.environment, concurrency=2
        )

    def start_beat(self) -> None:
        command = [PYTHON, "-m", "celery", "--quiet", "-A", "portal", "beat", "--pidfile="]
        self.processes["beat"] = start(command, log=self.folder / "beat.log", environment=self.environment)

    def sandbox(self, what: str) -> Any:
        """Return the sandbox's own record: `state` or `calls`."""
        with urllib.request.urlopen(f"{self.sandbox_url}/_sandbox/{what}", timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def logs(self) -> str:
        """Return what all processes of the portal have written; the sandbox prints its credentials openly."""
        files = [path for path in sorted(self.folder.glob("*.log")) if path.stem != "sandbox"]
        return "\n".join(path.read_text(errors="replace") for path in files)

    def stop(self) -> None:
        """Kill everything: nothing of it is kept, and ending in order takes seconds, most of them waiting."""
        for process in self.processes.values():
            process.kill()


@contextmanager
def running(
    kind: str, folder: Path, *, host: str = "127.0.0.1", seed: str = "--people", **environment: str
) -> Iterator[Stack]:
    """Give the whole portal on `kind`, with people and no master account, and stop it afterwards.

    `host` is what the browser calls it; it listens on 127.0.0.1 in any case. With "" for `seed` it holds all that
    the demo does, the year of the past included.
    """
    with ExitStack() as cleaning:
        port = free_port()
        own = _environment(folder, host, port, free_port())
        if kind == SERVERS:
            own["DATABASE_URL"] = cleaning.enter_context(database())
            own["REDIS_URL"] = re.sub(r"\?db=\d+", "", os.environ["REDIS_URL"]) + "?db=15"
        stack = Stack(folder, own | environment, port)
        cleaning.callback(stack.stop)
        shutil.copytree(set_up(), folder / "data")
        stack.start_sandbox()
        stack.manage("seed_demo", *seed.split())
        stack.start_worker()
        stack.start_beat()
        stack.start_web()
        yield stack


@cache
def set_up() -> Path:
    """Return the data folder of a portal that has just been set up, which all stacks of this run begin with."""
    folder = Path(tempfile.mkdtemp(prefix="stack-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    stack = Stack(folder, _environment(folder, "127.0.0.1", 1, 1), 1)
    stack.manage("migrate", "--verbosity=0")
    stack.manage("collectstatic", "--no-input", "--verbosity=0")
    return folder / "data"


def _environment(folder: Path, host: str, port: int, zoom: int) -> dict[str, str]:
    return {
        "DATA_DIR": str(folder / "data"),
        "SITE_URL": f"http://{host}:{port}",
        "ALLOWED_HOSTS": f"127.0.0.1,{host}",
        "ZOOM_API_URL": f"http://127.0.0.1:{zoom}/v2",
        "ZOOM_OAUTH_URL": f"http://127.0.0.1:{zoom}/oauth/token",
        "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "LOG_LEVEL": "INFO",
        "STATIC_MANIFEST": "1",
        "DATABASE_URL": "",
        "REDIS_URL": "",
    }


@contextmanager
def database() -> Iterator[str]:
    """Give the address of a database that was migrated and is empty, on the run's private PostgreSQL."""
    migrated = _migrated()
    name = f"stack_{secrets.token_hex(4)}"
    with _server() as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {migrated}")
        yield _address(name)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@cache
def _migrated() -> str:
    """Return the name of a database that was migrated once, of which all stacks of this run get a copy."""
    name = f"migrated_{secrets.token_hex(4)}"
    with _server() as server:
        server.execute(f"CREATE DATABASE {name}")
    folder = Path(tempfile.mkdtemp(prefix="migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    own = _environment(folder, "127.0.0.1", 1, 1) | {"DATABASE_URL": _address(name)}
    Stack(folder, own, 1).manage("migrate", "--verbosity=0")
    return name


def _server() -> psycopg.Connection:
    host = os.environ["DATABASE_URL"].rpartition("host=")[2]
    return psycopg.connect(host=host, user="portal", dbname="postgres", autocommit=True)


def _address(name: str) -> str:
    host = os.environ["DATABASE_URL"].rpartition("host=")[2]
    return f"postgres://portal@/{name}?host={host}"
