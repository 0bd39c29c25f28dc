"""The last wall: rows that break a rule are refused by the database itself, whoever writes them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from tests import cast
from trunks.models import (
    Heartbeat,
    Line,
    ListedTrunk,
    MasterAccount,
    MasterTrunk,
    Revision,
    Role,
    RoleGrant,
    SubAccount,
    TrunkRequest,
    User,
    clock,
)
from trunks.workflow import filing

pytestmark = pytest.mark.sqlite


def refused(write: Callable[[], Any], constraint: str = "") -> None:
    """Assert that the database refuses `write`, by `constraint` where the database names it."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        write()
    words = str(caught.value)
    # SQLite names the columns of a unique constraint, and not the constraint.
    assert constraint in words or words.startswith("UNIQUE constraint failed"), words


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"state": "perhaps"}, "request_state_is_known"),
        ({"state": ""}, "request_state_is_known"),
        ({"kind": "paint"}, "request_kind_is_known"),
        ({"version": -1}, "version"),
    ],
)
def test_a_request_of_unknown_words_is_refused(
    changes: dict[str, Any], constraint: str, trunk_request: TrunkRequest
) -> None:
    refused(lambda: TrunkRequest.objects.filter(pk=trunk_request.pk).update(**changes), constraint)


def test_nobody_approves_their_own_not_even_by_hand(trunk_request: TrunkRequest, staff: User) -> None:
    rows = TrunkRequest.objects.filter(pk=trunk_request.pk)
    refused(lambda: rows.update(approved_by=staff), "nobody_approves_their_own")
    trunk_request.approved_by = staff
    refused(trunk_request.save, "nobody_approves_their_own")


def test_a_filer_cannot_be_put_in_the_place_of_the_approver(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    approved = TrunkRequest.objects.filter(pk=cast.approved(trunk_request, supervisor).pk)
    refused(lambda: approved.update(filed_by=supervisor), "nobody_approves_their_own")


def test_two_requests_of_one_sub_account_cannot_be_applied_at_once(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    other = filing.file(cast.draft(estate.sub, estate.trunk, "18888555"), actor=staff)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state="applying")
    rows = TrunkRequest.objects.filter(pk=other.pk)
    refused(lambda: rows.update(state="applying"), "one_writer_per_sub_account")
    rows.update(sub_account=estate.other_sub)
    assert rows.update(state="applying") == 1


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"dnis": "18888 12"}, "dnis_is_digits"),
        ({"dnis": "18888１２３"}, "dnis_is_digits"),  # full-width digits
        ({"dnis": "18888123\n"}, "dnis_is_digits"),
        ({"dnis": "18888a"}, "dnis_is_digits"),
        ({"dnis": "", "prefix": ""}, "dnis_is_digits"),
        ({"dnis": "90001123"}, "dnis_has_the_prefix"),
        ({"state": "perhaps"}, "line_state_is_known"),
        ({"hold": "mine"}, "hold_is_known"),
    ],
)
def test_a_line_that_breaks_a_rule_is_refused(
    changes: dict[str, Any], constraint: str, trunk_request: TrunkRequest
) -> None:
    refused(lambda: trunk_request.lines.update(**changes), constraint)


def copied(line: Line, **changes: Any) -> Callable[[], None]:
    """Return a function that writes a copy of `line` with `changes`."""

    def write() -> None:
        line.pk = None
        for name, value in changes.items():
            setattr(line, name, value)
        line.save(force_insert=True)

    return write


def test_a_dnis_has_one_holder_in_a_master_account(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    other = filing.file(cast.draft(estate.sub, estate.trunk, "18888555"), actor=staff)
    line = trunk_request.lines.get()
    for hold in ("held", "assigned"):
        again = copied(line, trunk_request=other, position=2, hold=hold)
        refused(again, "one_holder_per_dnis")
    copied(line, hold="")()
    copied(line, hold="held", position=3, master=estate.foreign_master)()
    assert Line.objects.filter(dnis="18888123").count() == 3


def test_a_line_has_a_place_of_its_own(trunk_request: TrunkRequest) -> None:
    refused(copied(trunk_request.lines.get(), dnis="18888555"), "one_line_per_position")


def test_a_version_is_written_once(trunk_request: TrunkRequest) -> None:
    revision = Revision.objects.get(trunk_request=trunk_request)
    revision.pk = None
    refused(lambda: revision.save(force_insert=True), "one_revision_per_version")


def test_what_zoom_has_once_is_mirrored_once(estate: cast.Estate) -> None:
    master = estate.master
    refused(lambda: cast.master_trunk(master, "268", "Again", "1", ""), "one_master_trunk_per_zoom_id")
    refused(lambda: cast.sub_account(master, estate.sub.zoom_id, "Again"), "one_sub_account_per_zoom_id")
    refused(lambda: cast.master_account("Northwind", "another-id"), "name")
    refused(lambda: cast.master_account("Another", "northwind-account-id"), "zoom_id")
    cast.sub_account(estate.foreign_master, estate.sub.zoom_id, "The other master's view of it")


def test_a_grant_is_given_once_and_names_a_known_role(estate: cast.Estate, staff: User) -> None:
    refused(lambda: RoleGrant.objects.create(user=staff, role=Role.STAFF), "one_grant_per_role_for_all")
    RoleGrant.objects.create(user=staff, role=Role.STAFF, master=estate.master)
    again = RoleGrant(user=staff, role=Role.STAFF, master=estate.master)
    refused(again.save, "one_grant_per_role_and_master")
    refused(lambda: RoleGrant.objects.create(user=staff, role="king"), "role_is_known")


def test_an_address_belongs_to_one_person_in_whatever_case(staff: User) -> None:
    refused(lambda: User.objects.create_user("Stella-Staff@Example.COM "), "email")


def test_a_kind_of_process_beats_in_one_row(db: None) -> None:
    Heartbeat.objects.create(name="worker", at=clock.now())
    refused(lambda: Heartbeat.objects.create(name="worker", at=clock.now()), "name")


@pytest.mark.parametrize("name", ["master", "trunk", "sub"])
def test_what_a_request_speaks_of_cannot_be_deleted(
    name: str, estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    row: MasterAccount | MasterTrunk | SubAccount = getattr(estate, name)
    with pytest.raises(ProtectedError):
        row.delete()


def test_people_who_filed_or_decided_cannot_be_deleted(
    trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    for person in (staff, supervisor):
        with pytest.raises(ProtectedError):
            person.delete()


def test_rows_say_in_words_what_they_are(
    estate: cast.Estate, trunk_request: TrunkRequest, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    listed = ListedTrunk(zoom_id="4711")
    rows = [
        *(estate.master, estate.trunk, listed, trunk_request, trunk_request.lines.get()),
        *(trunk_request.revisions.get(), trunk_request.decisions.get(), supervisor.grants[0]),
    ]
    assert [str(row) for row in rows] == [
        *("Northwind", "HQ trunk", "4711", trunk_request.reference, "line 1 (18888123)"),
        *(f"{trunk_request.pk} version 1", "Approved by Sam Supervisor"),
        "Supervisor for all master accounts",
    ]
