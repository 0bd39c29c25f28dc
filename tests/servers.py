"""Pytest plugin: a private PostgreSQL and Redis for this run, and the environment that the settings read.

Loaded by `-p tests.servers` (pyproject.toml), so everything is set before Django reads a setting. Only the first
process starts servers; pytest-xdist's workers inherit the environment and take a data folder and a Redis database
of their own. The servers listen on unix sockets in a temporary folder: no port, no clash with anything that runs
on the machine. `PORTAL_TEST_DATABASE=sqlite` runs on the embedded defaults instead and starts nothing.
"""

import atexit
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.processes import NotReadyError, die_with_parent, wait_until

_POSTGRES_OPTIONS = (
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=60",
    "log_min_messages=fatal",
)
# For benchmarks: as PostgreSQL is by default, so that a commit is on the disk.
_DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
_ENVIRONMENT = {
    "SITE_URL": "http://127.0.0.1:8000",
    "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
    "ZOOM_API_URL": "http://127.0.0.1:9/v2",  # port 9 discards: a test that forgets its sandbox fails at once
    "ZOOM_OAUTH_URL": "http://127.0.0.1:9/oauth/token",
    "EMAIL_URL": "memorymail://",
    "REQUIRE_MFA": "",
    "LOG_LEVEL": "WARNING",
    "STATIC_MANIFEST": "0",
    "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright runs an event loop in the thread that queries
    # The default timings, a twentieth of each.
    "HTTP_DEADLINE_SECONDS": "1.5",
    "LEASE_SECONDS": "4.5",
    "QUIET_SECONDS": "3",
    "SWEEP_SECONDS": "0.75",
    "GRACE_SECONDS": "0",
    "SYNC_SECONDS": "3600",
}
_LOG = "servers.log"
_OF_THE_USER = (
    *("SECRET_KEY_FALLBACKS", "DEBUG", "DEFAULT_FROM_EMAIL", "TRUSTED_PROXY_COUNT", "DEMO_PASSWORD"),
    *("AUDIT_PUBLIC_KEYS", "AUDIT_DIGEST_DIR"),
)
_SECRETS = (
    *("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "DATABASE_URL", "REDIS_URL", "EMAIL_URL"),
    "AUDIT_SIGNING_KEY",
)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Set everything up as a wrapper: wrappers run before pytest-django's own hook, which reads the settings."""
    options = early_config.known_args_namespace
    if not (options.help or options.version):
        if worker := os.environ.get("PYTEST_XDIST_WORKER"):
            _take_own_share(int(worker.removeprefix("gw")))
        else:
            prepare()
    yield


def prepare() -> None:
    """Set the environment; what the person at the keyboard has exported for their own portal must not leak in."""
    folder = _temporary_folder()
    for name in (*_OF_THE_USER, *_SECRETS, *(f"{name}_FILE" for name in _SECRETS)):
        os.environ.pop(name, None)
    os.environ.update(_ENVIRONMENT)
    os.environ["SECRET_KEY"] = secrets.token_urlsafe(50)
    os.environ["FIELD_ENCRYPTION_KEYS"] = Fernet.generate_key().decode()
    os.environ["DATA_DIR"] = str(folder / "data")
    if os.environ.get("PORTAL_TEST_DATABASE") != "sqlite":
        os.environ["DATABASE_URL"] = _start_postgres(folder)
        os.environ["REDIS_URL"] = start_redis(folder)


def _take_own_share(number: int) -> None:
    os.environ["DATA_DIR"] += f"-{number}"
    if "REDIS_URL" in os.environ:
        os.environ["REDIS_URL"] += f"?db={number + 1}"


def _temporary_folder() -> Path:
    """Return a new folder with a short name (a socket's path may have 107 bytes), removed at the end.

    `kill -9` leaves the folder, though never a server; the next run removes it.
    """
    for left in Path(tempfile.gettempdir()).glob("portal-[0-9]*-*"):
        with suppress(FileNotFoundError):  # another run removes it at this moment
            if left.stat().st_uid == os.getuid() and not Path("/proc", left.name.split("-")[1]).exists():
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"portal-{os.getpid()}-"))
    folder.chmod(0o711)  # the user postgres walks through, and cannot list
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, owner: int) -> None:
    """Remove `folder`, unless this is a forked child that inherited the exit handler."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _start_postgres(folder: Path) -> str:
    """Start PostgreSQL as an ordinary user, because it refuses to run as root; return its DATABASE_URL."""
    programs = _postgres_programs()
    home = folder / "pg"
    home.mkdir(mode=0o700)
    account = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    os.chown(home, account.pw_uid, account.pw_gid)
    data = str(home / "data")
    init = ["--username=portal", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    _run_as(account, [str(programs / "initdb"), "-D", data, *init], folder).wait()
    durable = _DURABLE if os.environ.get("PORTAL_TEST_FSYNC") == "on" else ()
    options = [f"-c{option}" for option in (*_POSTGRES_OPTIONS, *durable, f"unix_socket_directories={home}")]
    server = _run_as(account, [str(programs / "postgres"), "-D", data, *options], folder)
    _wait_for(server, Path(data, "postmaster.pid"), "ready")
    return f"postgres://portal@/portal?host={home}"


def _postgres_programs() -> Path:
    """Return the folder of the highest installed version; Debian keeps `initdb` off the PATH."""
    found = [Path(initdb).parent for initdb in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda programs: int(programs.parent.name))
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    raise pytest.UsageError(
        "PostgreSQL is not installed: run .ci/bootstrap, or set PORTAL_TEST_DATABASE=sqlite."
    )


def _run_as(account: pwd.struct_passwd, command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start `command` as `account`; only root can be somebody else. SIGINT is PostgreSQL's fast stop."""
    if os.getuid() != 0:
        return _start(command, folder, signal.SIGINT)
    return _start(command, folder, signal.SIGINT, user=account.pw_uid, group=account.pw_gid)


def _start(
    command: list[str],
    folder: Path,
    stop: signal.Signals,
    *,
    user: int | None = None,
    group: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server that gets `stop` when pytest ends in whatever way: by an exit handler, or by the kernel.

    It writes to a file, because what it says at the end must not follow pytest's last line.
    """
    with (folder / _LOG).open("ab") as log:
        server = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            preexec_fn=die_with_parent(stop),
        )
    atexit.register(_stop, server, stop, os.getpid())
    return server


def _stop(server: subprocess.Popen[bytes], number: signal.Signals, owner: int) -> None:
    if os.getpid() == owner and server.poll() is None:
        server.send_signal(number)
        server.wait()


def start_redis(folder: Path) -> str:
    """Start Redis without persistence; return its REDIS_URL."""
    program = shutil.which("redis-server")
    if program is None:
        raise pytest.UsageError(
            "Redis is not installed: run .ci/bootstrap, or set PORTAL_TEST_DATABASE=sqlite."
        )
    address = folder / "redis.sock"
    quiet = ["--save", "", "--appendonly", "no", "--loglevel", "warning", "--logfile", ""]
    place = ["--port", "0", "--unixsocket", str(address), "--unixsocketperm", "700", "--dir", str(folder)]
    server = _start([program, *place, *quiet], folder, signal.SIGTERM)
    _wait_for(server, address)
    return f"unix://{address}"


def _wait_for(server: subprocess.Popen[bytes], sign: Path, text: str = "") -> None:
    """Return when the file `sign` exists and holds `text`."""

    def there() -> bool:
        if server.poll() is not None:
            log = (Path(os.environ["DATA_DIR"]).parent / _LOG).read_text(encoding="utf-8", errors="replace")
            raise NotReadyError(f"a test server ended with {server.returncode}:\n{log[-4000:]}")
        return sign.exists() and (not text or text in sign.read_text(encoding="utf-8"))

    wait_until(there, f"{sign.name} of a test server")
