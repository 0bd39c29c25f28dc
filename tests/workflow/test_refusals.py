"""Who is turned away by a page leaves a trace, and cannot leave so many that nobody finds the others."""

import pytest
from django.core.cache import cache

from tests import cast
from tests.conftest import SignedIn
from trunks import audit
from trunks.audit_reading import Filters
from trunks.models import Role, RoleGrant, TrunkRequest, User
from trunks.workflow import preparing, refusals


@pytest.mark.parametrize("path", ["/webhooks/", "/people/invite/", "/delegations/"])
def test_an_attempt_to_change_what_is_not_theirs_is_on_record(
    signed_in: SignedIn, staff: User, path: str
) -> None:
    assert signed_in(staff).post(path, {}).status_code == 403
    event = audit.history(staff).get()
    assert (event.action, event.actor, event.outcome) == ("access.refused", staff, "refused")
    assert event.after["path"] == path
    assert event.after["reason"]


def test_an_attempt_on_what_they_may_not_even_know_of_is_on_record_and_tells_them_nothing(
    signed_in: SignedIn, estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    foreign = [Role.SUPERVISOR, Role.ADMINISTRATOR]
    meddler = cast.person("Mo Meddler", *foreign, master=estate.foreign_master)
    client = signed_in(meddler)
    theirs = [
        f"/requests/{trunk_request.reference}/approve/",
        f"/people/{trunk_request.filed_by_id}/deactivate/",
        f"/masters/{estate.master.pk}/sync/",
    ]
    RoleGrant.objects.filter(user=trunk_request.filed_by).update(master=estate.master)
    for path in theirs:
        assert client.post(path, {"version": "1"}).status_code == 404
    told = [(event.action, event.outcome, event.after["path"]) for event in audit.history(meddler)]
    assert told == [("access.refused", "refused", path) for path in theirs]


@pytest.mark.sqlite
def test_an_attempt_to_export_what_is_not_theirs_is_on_record_too(
    signed_in: SignedIn, staff: User, manager: User, estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    file = preparing.ask("csv", Filters(), actor=manager, asked="")
    evidence = f"/requests/{trunk_request.reference}/evidence/"
    population = "/audit/review/2026-10/population/"
    own = ["/audit/export/?format=csv", evidence, population, f"/audit/files/{file.pk}/"]
    for path in own:
        assert signed_in(staff).get(path).status_code == 403
    before = [event.after["path"] for event in audit.history(staff)]
    assert before == [path.partition("?")[0] for path in own]
    reader = cast.person("Mo Meddler", Role.MANAGER, master=estate.foreign_master)
    for path in (evidence, f"/audit/files/{file.pk}/"):
        assert signed_in(reader).get(path).status_code == 404
    assert [event.after["path"] for event in audit.history(reader)] == [evidence, f"/audit/files/{file.pk}/"]
    assert signed_in(reader).get("/audit/files/999/").status_code == 404
    assert audit.history(reader).count() == 2


def test_a_link_that_leads_nowhere_for_them_is_not(signed_in: SignedIn, staff: User) -> None:
    assert signed_in(staff).get("/webhooks/").status_code == 403
    assert signed_in(staff).post("/requests/TR-000999/withdraw/", {"version": "1"}).status_code == 404
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
