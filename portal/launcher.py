"""`make demo`: the whole portal as one command, on the embedded defaults unless the environment says otherwise.

Runs before Django is configured, because it makes the configuration.
"""

import argparse
import base64
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.fernet import Fernet

from portal.children import Children, FailedError, StoppedError, end_with_parent

BASE_DIR = Path(__file__).resolve().parent.parent
PEOPLE = ("staff", "second-staff", "supervisor", "second-supervisor", "manager", "admin")
_DEFAULTS = {
    "DEBUG": "0",
    "REQUIRE_MFA": "",
    "STEP_UP_SECONDS": "0",
    "DEMO_PASSWORD": "demo-pass-2468",
    # Quick enough to watch; in earnest the defaults hold.
    "GRACE_SECONDS": "0",
    "QUIET_SECONDS": "10",
    "SWEEP_SECONDS": "3",
    # The demo's webhook leads to the stand-in for Zoom, on this machine.
    "WEBHOOK_ALLOW_PRIVATE": "1",
}
_START_SECONDS = 60.0
_QUIET_ROOT = "ignore:You're running the worker with superuser privileges:UserWarning"


def main(arguments: list[str] | None = None) -> int:
    """Run the demo until somebody ends it; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m portal.launcher", description=__doc__)
    parser.add_argument("what", choices=["demo"])
    parser.add_argument("--reset", action="store_true", help="begin with fresh data")
    parser.add_argument("--end-with-parent", action="store_true", help="end when the calling process does")
    options = parser.parse_args(arguments)
    if options.end_with_parent:
        end_with_parent(signal.SIGTERM)
    try:
        port = _port(os.environ.get("PORT") or "8000")
        environment = environment_of(port, os.environ)
        with alone(Path(environment["DATA_DIR"])):
            if options.reset:
                reset(environment)
            return _demo(environment, port)
    except FailedError as error:
        print(error, file=sys.stderr)  # noqa: T201  # a command line's answer
        return 1


def _demo(environment: Mapping[str, str], port: int) -> int:
    children = Children(environment, BASE_DIR, write=_say)
    children.heed_signals()
    try:
        _start(children, environment, port)
        children.watch()
    except StoppedError:
        _say("Ending …")
    finally:
        children.stop()
    return 0


def _start(children: Children, environment: Mapping[str, str], port: int) -> None:
    """1. the stand-in for Zoom, the tables and the static files; 2. people and data; 3. the portal itself."""
    manage = (sys.executable, "manage.py")
    sandbox_port = environment["ZOOM_API_URL"].rpartition(":")[2].partition("/")[0]
    state = str(Path(environment["DATA_DIR"], "sandbox.json"))
    children.start("sandbox", [*manage, "zoom_sandbox", "--port", sandbox_port, "--state", state])
    children.run(
        {
            "migrate": [*manage, "migrate", "--verbosity=0"],
            "static": [*manage, "collectstatic", "--no-input", "--verbosity=0"],
        }
    )
    children.watch(lambda: _answers(int(sandbox_port)), _START_SECONDS)
    children.run({"seed": [*manage, "seed_demo"]})
    for name, command in _processes(port).items():
        children.start(name, command)
    children.watch(lambda: _answers(port, "/healthz", 200), _START_SECONDS)
    _say(_welcome(environment))


def _processes(port: int) -> dict[str, list[str]]:
    celery = [sys.executable, "-m", "celery", "--quiet", "-A", "portal"]
    lonely = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    bind = f"--bind=127.0.0.1:{port}"
    options = ["--worker-class=gthread", "--workers=1", "--threads=8", "--no-control-socket"]
    return {
        "web": [sys.executable, "-m", "gunicorn", "portal.wsgi", bind, *options, "--log-level=warning"],
        "worker": [*celery, "worker", "--concurrency=2", "--loglevel=INFO", *lonely],
        "beat": [*celery, "beat", "--loglevel=WARNING", "--pidfile="],
    }


def environment_of(port: int, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of all children: what is `given` wins, but the demo never speaks with the real Zoom."""
    data_dir = Path(given.get("DATA_DIR") or BASE_DIR / ".data").resolve()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    zoom = f"http://127.0.0.1:{_sandbox_port(data_dir / 'sandbox.port')}"
    digests = data_dir / "digests"
    digests.mkdir(exist_ok=True)
    return {
        **_DEFAULTS,
        **_secrets(data_dir / "secrets.json"),
        # In earnest this is another machine.
        "AUDIT_DIGEST_DIR": str(digests),
        "SITE_URL": f"http://127.0.0.1:{port}",
        "EMAIL_URL": f"filemail:///{data_dir}/mail",
        **given,
        "DATA_DIR": str(data_dir),
        "ZOOM_API_URL": f"{zoom}/v2",
        "ZOOM_OAUTH_URL": f"{zoom}/oauth/token",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": _QUIET_ROOT,
    }


def _secrets(path: Path) -> dict[str, str]:
    """Return the demo's secrets, each made when it is first wanted and kept: what it encrypted must stay readable."""
    made = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "AUDIT_SIGNING_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if made.keys() - kept.keys():
        kept = made | kept
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            json.dump(kept, file)
        part.replace(path)
    return {str(name): str(value) for name, value in kept.items()}


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for the block: two demos on one database would each sweep the other's requests."""
    with (data_dir / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FailedError(f"A demo already runs on {data_dir}; end it first.") from None
        yield


def reset(environment: Mapping[str, str]) -> None:
    """Remove the data of earlier demos; the secrets stay, and the port of the stand-in, which is about to be used."""
    if environment.get("DATABASE_URL"):
        raise FailedError("RESET empties the embedded database only; DATABASE_URL names another.")
    data_dir = Path(environment["DATA_DIR"])
    for pattern in ("portal.sqlite3*", "sandbox.json*", "beat*"):
        for path in data_dir.glob(pattern):
            path.unlink()
    for folder in ("broker", "digests"):
        shutil.rmtree(data_dir / folder, ignore_errors=True)
    Path(environment["AUDIT_DIGEST_DIR"]).mkdir(exist_ok=True)


def _port(text: str) -> int:
    """Return the port to serve on; raise FailedError when it is none, or somebody else's."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise FailedError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as error:
            raise FailedError(
                f"Port {text} is not free ({error.strerror}). Try: make demo PORT=8080"
            ) from None
    return int(text)


def _sandbox_port(kept: Path) -> int:
    """Return the port of last time where it is still free: the demo's webhook leads there."""
    port = int(kept.read_text(encoding="utf-8")) if kept.exists() else 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if port == 0 or probe.connect_ex(("127.0.0.1", port)) == 0:
            port = _free_port()
    kept.write_text(str(port), encoding="utf-8")
    return port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, path: str = "/", status: int | None = None) -> bool:
    """Say whether something answers there, with `status` if that is given."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as response:
            return status in (None, response.status)
    except urllib.error.HTTPError as error:
        return status in (None, error.code)
    except OSError:
        return False


def _welcome(environment: Mapping[str, str]) -> str:
    addresses = "".join(f"    {name}@example.com\n" for name in PEOPLE)
    password = environment["DEMO_PASSWORD"]
    return (
        f"\n  The portal is ready: {environment['SITE_URL']}\n\n  Sign in with the password {password} as\n"
        f"{addresses}\n  Zoom is a stand-in here; nothing reaches the real one. Ctrl-C ends everything.\n"
    )


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # the launcher's log is its output


if __name__ == "__main__":
    sys.exit(main())
