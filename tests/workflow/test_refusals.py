"""Who is turned away by a page leaves a trace, and cannot leave so many that nobody finds the others."""

import pytest
from django.core.cache import cache

from tests.conftest import SignedIn
from trunks import audit
from trunks.models import User
from trunks.workflow import refusals


@pytest.mark.parametrize("path", ["/webhooks/", "/people/invite/", "/delegations/"])
def test_an_attempt_to_change_what_is_not_theirs_is_on_record(
    signed_in: SignedIn, staff: User, path: str
) -> None:
    assert signed_in(staff).post(path, {}).status_code == 403
    event = audit.history(staff).get()
    assert (event.action, event.actor, event.outcome) == ("access.refused", staff, "refused")
    assert event.after["path"] == path
    assert event.after["reason"]


def test_a_link_that_leads_nowhere_for_them_is_not(signed_in: SignedIn, staff: User) -> None:
    assert signed_in(staff).get("/webhooks/").status_code == 403
    assert not audit.history(staff).exists()


def test_the_same_once_more_is_not_written_again(staff: User) -> None:
    assert refusals.note("/people/", "No.", actor=staff)
    assert not refusals.note("/people/", "No.", actor=staff)


def test_a_script_cannot_flood_the_trail(staff: User, second_staff: User) -> None:
    for number in range(refusals.MOST_AN_HOUR + 20):
        refusals.note(f"/people/{number}/", "No.", actor=staff)
    assert audit.history(staff).count() == refusals.MOST_AN_HOUR
    assert refusals.note("/people/", "No.", actor=second_staff)
    cache.clear()
    assert refusals.note("/people/", "No.", actor=staff)
