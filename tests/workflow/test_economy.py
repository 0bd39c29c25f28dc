"""What a request costs the database: four processes that use up Zoom's limit leave two cores no more than this."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.workflow.conftest import Zoom
from tests.workflow.timing import states
from trunks.models import User
from trunks.workflow import claims
from trunks.workflow.provisioning import provision

FRAMES = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
# Asked only when a call has to wait for its turn, so the quicker the machine the oftener.
LAST_LOOK = "FROM trunks_ratebudget"


def statements_of(pk: int) -> list[str]:
    """Return what carrying out the request `pk` asks of the database, without transactions' frames and waiting."""
    with CaptureQueriesContext(
        connection,
    ) as asked:
        provision(pk)
    sent = [query["sql"] for query in asked if not query["sql"].startswith(FRAMES)]
    return [sql for sql in sent if LAST_LOOK not in sql]


def test_a_request_of_one_line_takes_a_worker_few_statements(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SOON_SECONDS", "FRESH_SECONDS", "SHARP_SECONDS"):
        monkeypatch.setattr(claims, name, 60.0)  # however slow the machine is just now
    first = zoom.approved(staff, supervisor, zoom.trunk.prefix + "777")
    provision(first.pk)
    second = zoom.approved(staff, supervisor, zoom.trunk.prefix + "778")
    asked = statements_of(second.pk)
    assert states(second) == ("done", ["assigned"])
    assert len(asked) <= 38, "\n".join(asked)


def test_more_lines_cost_few_statements_each(zoom: Zoom, staff: User, supervisor: User) -> None:
    few = statements_of(zoom.approved(staff, supervisor, zoom.trunk.prefix + "777").pk)
    many = zoom.approved(staff, supervisor, *(f"{zoom.trunk.prefix}{number}" for number in range(780, 790)))
    asked = statements_of(many.pk)
    assert states(many)[0] == "done"
    assert len(asked) - len(few) <= 2 * 9
