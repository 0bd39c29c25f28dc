"""What a change costs that is recorded in the chained trail, beside django-auditlog's and beside one bare statement.

Run by `make bench-audit`. Every writer is a process with a connection of its own, and changes a row of its own; each
change is a transaction that waits for its commit (synchronous_commit=on), with SQLite or PORTAL_TEST_FSYNC=on until it
is on the disk.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from django.db import connection, transaction

from tests import cast
from tests.bench import goals
from tests.bench.standing import say
from tests.processes import ROOT
from trunks import audit
from trunks.actions import Action
from trunks.compiled import Param
from trunks.compiled_writing import Updates
from trunks.models import Role, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import verifying

GOAL_WRITERS = 8  # more of them show that nothing breaks, and have no rate to reach
UNCHAINED = "unchained_trail"
UNCHAINED_TABLE = (
    f"DROP TABLE IF EXISTS {UNCHAINED}",
    "DROP SEQUENCE IF EXISTS unchained_numbers",
    "CREATE SEQUENCE unchained_numbers",
    f"CREATE TABLE {UNCHAINED} (LIKE trunks_auditevent) PARTITION BY RANGE (at)",
    f"ALTER TABLE {UNCHAINED} ALTER id SET DEFAULT nextval('unchained_numbers'), ALTER hash SET DEFAULT '{'0' * 64}',"
    " ADD PRIMARY KEY (id, at)",
    f"CREATE INDEX ON {UNCHAINED} (object_type, object_id, id DESC)",
    f"CREATE INDEX ON {UNCHAINED} (request_id, id DESC)",
    f"CREATE TABLE {UNCHAINED}_rest PARTITION OF {UNCHAINED} DEFAULT",
)
# As every verb does: see `trunks.workflow.transitions`.
_PERSON = Updates(lambda: User.objects.filter(pk=Param("pk"), name=Param("was")))
Write = Callable[[User, int], None]
SYNCHRONOUS = "SET synchronous_commit = on"
# The least that leaves a change and what it was: a row, and a line in a table with nothing around it.
BARE_TABLE = (
    "CREATE TABLE IF NOT EXISTS bare_trail (id {serial} PRIMARY KEY, at timestamp NOT NULL, actor bigint,"
    " action text NOT NULL, object_type text NOT NULL, object_id text NOT NULL, before text, after text)"
)
_VALUES = "'person.renamed', 'user'"
BARE = {
    "postgresql": (
        "WITH changed AS (UPDATE trunks_user SET name = %s WHERE id = %s RETURNING id, name)"
        " INSERT INTO bare_trail (at, actor, action, object_type, object_id, before, after)"
        f" SELECT clock_timestamp(), id, {_VALUES}, id::text, %s, name FROM changed"  # constants
    ),
    "sqlite": (
        "INSERT INTO bare_trail (at, actor, action, object_type, object_id, before, after)"
        f" VALUES (CURRENT_TIMESTAMP, %s, {_VALUES}, %s, %s, %s)"  # constants
    ),
}


def chained(user: User, number: int) -> None:
    """Change a row by compare-and-swap, as every verb does, and write the event of it."""
    before, after = user.name, f"Name {number}"
    with audit.change():
        if not _PERSON.update({"pk": user.pk, "was": before}, name=after):
            raise RuntimeError("somebody else has changed the row")
        audit.record(
            Action.PERSON_REACTIVATED, actor=user, on=user, before={"name": before}, after={"name": after}
        )
    user.name = after


def unchained(user: User, number: int) -> None:
    """Do the same, in a process whose events go into a table that is like the trail's, without its triggers."""
    chained(user, number)


def into(write: Write) -> AbstractContextManager[object]:
    """Have this process put its events where that way of writing puts them."""
    if write is not unchained:
        return nullcontext()
    plain = audit._insertion("postgresql").replace(AuditEvent._meta.db_table, UNCHAINED)
    return mock.patch.object(audit, "_insertion", return_value=plain)


def make_unchained() -> None:
    """Make the table that is like the trail's, once."""
    with connection.cursor() as cursor:
        for statement in UNCHAINED_TABLE:
            cursor.execute(statement)


def bare(user: User, number: int) -> None:
    """Change a row and write a line about it in one statement (on SQLite, two)."""
    before, after = user.name, f"Name {number}"
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("UPDATE trunks_user SET name = %s WHERE id = %s", [after, user.pk])
            cursor.execute(BARE["sqlite"], [user.pk, str(user.pk), before, after])
        else:
            cursor.execute(BARE["postgresql"], [after, user.pk, before])
    user.name = after


def prepare(writers: int) -> list[User]:
    """Make the bare table, and a person for each writer."""
    serial = "integer" if connection.vendor == "sqlite" else "bigserial"
    with connection.cursor() as cursor:
        cursor.execute(BARE_TABLE.format(serial=serial))
    known = User.objects.filter(email__startswith="writer-").count()
    for number in range(known, writers):
        cast.person(f"Writer {number}", Role.STAFF)
    return list(User.objects.filter(email__startswith="writer-").order_by("pk")[:writers])


def rate(write: Write, people: list[User], seconds: float) -> float:
    """Return how many changes a second the people make together, each in a process of their own."""
    connection.close()
    context = multiprocessing.get_context("fork")
    counts: Any = context.Queue()
    start = context.Barrier(len(people))
    writers = [
        context.Process(target=_keep_writing, args=(write, user, seconds, start, counts)) for user in people
    ]
    for writer in writers:
        writer.start()
    total = sum(counts.get(timeout=seconds + 60) for _ in writers)
    for writer in writers:
        writer.join()
        if writer.exitcode:
            raise RuntimeError(f"a writer ended with {writer.exitcode}")
    return float(total)


def _keep_writing(write: Write, user: User, seconds: float, start: Any, counts: Any) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(SYNCHRONOUS)
    user.refresh_from_db()
    with into(write):
        write(user, 0)
        start.wait(30)
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            done += 1
            write(user, done)
        counts.put(done / (time.perf_counter() - begun))
    counts.close()
    counts.join_thread()
    connection.close()


def beside(program: Path, writers: int, seconds: float) -> float:
    """Return the rate of django-auditlog, measured by a program of its own libraries."""
    command = [program, "-W", "ignore", ROOT / "tests" / "bench" / "audit_write_peer.py"]
    command += ["--host", os.environ["DATABASE_URL"].rpartition("host=")[2]]
    command += ["--writers", str(writers), "--seconds", str(seconds)]
    answer = subprocess.run(list(map(str, command)), capture_output=True, check=False, text=True, cwd=ROOT)
    if answer.returncode:
        raise RuntimeError(answer.stderr[-3000:])
    return float(answer.stdout)


def in_order() -> int:
    """Return how many events there are; raise RuntimeError unless they are one chain without a gap or a fork."""
    finding = verifying.verify()
    if finding.bad is not None:
        raise RuntimeError(f"events that do not follow: {finding.bad}, {finding.problem}")
    return finding.place.position


def main(_folder: Path, arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, nargs="*", default=[1, 8, 16])
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="in turn, of which the middle one counts")
    parser.add_argument("--libraries", type=Path, default=ROOT / ".data" / "bench" / "bin" / "python")
    options, _ = parser.parse_known_args(arguments)  # what is for the other pieces is not for this one
    on_postgres = connection.vendor == "postgresql"
    if on_postgres:
        make_unchained()
    for writers in options.writers if on_postgres else [1]:
        people = prepare(writers)
        kinds: dict[str, Callable[[], float]] = {
            "chained": partial(rate, chained, people, options.seconds),
            "bare": partial(rate, bare, people, options.seconds),
        }
        if on_postgres:
            kinds["unchained"] = partial(rate, unchained, people, options.seconds)
            kinds["auditlog"] = partial(beside, options.libraries, writers, options.seconds)
        rounds = [{name: measure() for name, measure in kinds.items()} for _ in range(options.rounds)]
        rates = {name: statistics.median(each[name] for each in rounds) for name in kinds}
        say(f"  {writers:2} writers, changes a second: " + described(rates))
        judge(writers, rates)
    say(f"  {in_order():,} events in one chain, without a gap or a fork")


def judge(writers: int, rates: dict[str, float]) -> None:
    if writers > GOAL_WRITERS:
        return
    own, who = rates["chained"], f"with {writers} writers" if writers > 1 else "with 1 writer"
    goals.at_least(
        f"changes with their events, of bare statements, {who}", own / rates["bare"] * 100, 45, "%"
    )
    if "auditlog" in rates:
        goals.at_least(f"changes with their events, times auditlog's, {who}", own / rates["auditlog"], 1.5)


def described(rates: dict[str, float]) -> str:
    own = rates["chained"]
    shares = [f"{own / rates[name]:.0%} of {name}" for name in ("bare", "unchained") if name in rates]
    shares += [f"{own / rates['auditlog']:.2f} x auditlog"] if "auditlog" in rates else []
    return ", ".join([*(f"{name} {value:,.0f}" for name, value in rates.items()), *shares])


if __name__ == "__main__":
    sys.exit("python -m tests.bench audit_write")
