"""A short run of the write bench: that what is measured is right. How quick it is, only a quiet machine can tell."""

import threading

import pytest
from django.db import connection

from tests import trail
from tests.bench import audit_write
from tests.together import together
from trunks.models import User
from trunks.models.audit_event import AuditEvent

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db(transaction=True)]


def test_both_ways_change_the_row_and_keep_what_it_was() -> None:
    [user] = audit_write.prepare(1)
    audit_write.chained(user, 1)
    event = AuditEvent.objects.get()
    assert (event.before, event.after) == ({"name": "Writer 0"}, {"name": "Name 1"})
    audit_write.bare(user, 2)
    with connection.cursor() as cursor:
        cursor.execute("SELECT before, after FROM bare_trail ORDER BY id DESC LIMIT 1")
        assert cursor.fetchone() == ("Name 1", "Name 2")
        cursor.execute("DROP TABLE bare_trail")
    assert User.objects.get(pk=user.pk).name == "Name 2"
    assert audit_write.in_order() == 1


def test_sixteen_writers_make_one_chain_without_a_gap_or_a_fork() -> None:
    people = audit_write.prepare(16)
    done = threading.Barrier(16)

    def write(user: User) -> int:
        for number in range(1, 6):
            audit_write.chained(user, number)
        done.wait(20)
        return 5

    results = together(*(lambda user=user: write(user) for user in people), seconds=60)
    assert results == [5] * 16
    assert audit_write.in_order() == 80
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bare_trail")


def test_a_fork_would_be_found() -> None:
    [user] = audit_write.prepare(1)
    audit_write.chained(user, 1)
    with trail.unguarded():
        AuditEvent.objects.update(hash="f" * 64)
    with pytest.raises(RuntimeError, match="do not follow"):
        audit_write.in_order()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bare_trail")


def test_the_ratios_are_said() -> None:
    said = audit_write.described({"chained": 900.0, "bare": 1800.0, "auditlog": 450.0})
    assert said == "chained 900, bare 1,800, auditlog 450, 50% of bare, 2.00 x auditlog"
    assert audit_write.described({"chained": 8.0, "bare": 16.0, "unchained": 10.0}).endswith(
        "80% of unchained"
    )
