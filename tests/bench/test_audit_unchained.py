"""What is measured beside the chain is the same event, in a table of its own. Only PostgreSQL has it."""

import pytest

from tests import trail
from tests.bench import audit_write
from trunks.models.audit_event import AuditEvent

pytestmark = pytest.mark.django_db


def test_an_unchained_event_is_the_same_and_not_in_the_trail() -> None:
    [user] = audit_write.prepare(1)
    audit_write.make_unchained()
    audit_write.chained(user, 1)
    with audit_write.into(audit_write.chained):
        audit_write.chained(user, 2)
    with audit_write.into(audit_write.unchained):
        audit_write.unchained(user, 3)
    kept = trail.query(f"SELECT object_id, before, after, hash FROM {audit_write.UNCHAINED}")
    assert kept == [(str(user.pk), '{"name":"Name 2"}', '{"name":"Name 3"}', "0" * 64)]
    assert AuditEvent.objects.count() == audit_write.in_order() == 2
    assert user.name == "Name 3"
