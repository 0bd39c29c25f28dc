"""How many changes a second django-auditlog records. Run by audit_write, with the libraries it is measured beside.

Prints the rate. Its tables are in a schema of their own; each writer is a process and changes a row of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from pkgutil import resolve_name
from typing import Any

import django
from django.conf import settings


def configure(host: str) -> None:
    settings.configure(
        SECRET_KEY="measured",
        USE_TZ=True,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "auditlog"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "portal",
                "USER": "portal",
                "HOST": host,
                "OPTIONS": {"options": "-c search_path=writes -c synchronous_commit=on"},
            }
        },
    )
    django.setup()


def keep_writing(pk: int, seconds: float, start: Any, counts: Any) -> None:
    """Save a person again and again; auditlog's signals compare it with its row and write the entry."""
    user_model = resolve_name("django.contrib.auth:get_user_model")()
    transaction = resolve_name("django.db:transaction")
    set_actor = resolve_name("auditlog.context:set_actor")
    user = user_model.objects.get(pk=pk)
    done = 0
    with set_actor(user):
        start.wait()
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            done += 1
            user.first_name = f"Name {done}"
            with transaction.atomic():
                user.save(update_fields=["first_name"])
    counts.put(done / (time.perf_counter() - begun))
    counts.close()
    counts.join_thread()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--writers", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    configure(options.host)
    connection = resolve_name("django.db:connection")
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS writes CASCADE")
        cursor.execute("CREATE SCHEMA writes")
    resolve_name("django.core.management:call_command")("migrate", verbosity=0)
    user_model = resolve_name("django.contrib.auth:get_user_model")()
    resolve_name("auditlog.registry:auditlog").register(user_model, include_fields=["first_name"])
    people = [user_model.objects.create(username=f"writer-{number}") for number in range(options.writers)]
    entries = resolve_name("auditlog.models:LogEntry").objects
    before = entries.count()
    connection.close()
    context = multiprocessing.get_context("fork")
    counts, start = context.Queue(), context.Barrier(options.writers)
    arguments = [(person.pk, options.seconds, start, counts) for person in people]
    writers = [context.Process(target=keep_writing, args=one) for one in arguments]
    for writer in writers:
        writer.start()
    total = sum(counts.get(timeout=options.seconds + 60) for _ in writers)
    for writer in writers:
        writer.join()
    if entries.count() <= before:
        raise RuntimeError("auditlog has recorded nothing")
    sys.stdout.write(f"{total}")


if __name__ == "__main__":
    main()
