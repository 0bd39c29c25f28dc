"""Filing a request: once, with everything it holds, by those who may."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from tests import cast
from tests.together import together
from trunks import audit
from trunks.models import Hold, Line, ListedTrunk, MasterTrunk, TrunkRequest, User
from trunks.workflow import filing, review
from trunks.workflow.errors import AlreadyFiled, Invalid, Refused, WorkflowError

pytestmark = pytest.mark.sqlite

HTML = "<script>alert('1')</script> & \"Söhne\""


def test_a_filed_request_is_pending_and_holds_its_dnis(estate: cast.Estate, staff: User) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888124", "18888123", caller_id="+14155550100")
    trunk_request = filing.file(draft, actor=staff)
    trunk_request.refresh_from_db()
    assert trunk_request.reference == f"TR-{trunk_request.pk:06}"
    assert (trunk_request.state, trunk_request.version, trunk_request.content_version) == ("pending", 1, 1)
    assert (trunk_request.filed_by, trunk_request.approved_by) == (staff, None)
    lines = [(line.position, line.dnis, line.prefix, line.hold) for line in trunk_request.lines.all()]
    assert lines == [(1, "18888124", "18888", "held"), (2, "18888123", "18888", "held")]


def test_filing_leaves_a_revision_and_an_event_with_the_content(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    revision = trunk_request.revisions.get()
    assert (revision.author, revision.digest) == (staff, trunk_request.content_digest)
    event = audit.history(trunk_request).get()
    assert (event.action, event.actor, event.master) == ("request.filed", staff, estate.master)
    assert event.after["reason"] == "New customer"
    assert event.after["lines"] == [
        {"trunk": "268", "dnis": "18888123", "outbound_caller_id": "+14155550100"}
    ]


def test_texts_are_kept_as_they_were_typed(estate: cast.Estate, staff: User) -> None:
    draft = replace(cast.draft(estate.sub, estate.trunk, "18888123"), reason=HTML, ticket=HTML[:60])
    trunk_request = filing.file(draft, actor=staff)
    trunk_request.refresh_from_db()
    assert (trunk_request.reason, trunk_request.ticket) == (HTML, HTML[:60])
    assert audit.history(trunk_request).get().after["reason"] == HTML


def test_a_bad_draft_changes_nothing(estate: cast.Estate, staff: User) -> None:
    with pytest.raises(Invalid) as caught:
        filing.file(cast.draft(estate.sub, estate.trunk, "18888123", "18888 12"), actor=staff)
    assert set(caught.value.problems) == {"lines-1-dnis"}
    assert "digits 0 to 9 only" in caught.value.reason
    assert not TrunkRequest.objects.exists()
    assert not Line.objects.exists()


def test_a_draft_without_a_sub_account_is_told_everything_else_too(estate: cast.Estate, staff: User) -> None:
    draft = replace(cast.draft(estate.sub, estate.trunk, "18888123", reason=""), sub_account=None)
    with pytest.raises(Invalid) as caught:
        filing.file(draft, actor=staff)
    assert set(caught.value.problems) == {"sub_account", "reason"}


@pytest.mark.parametrize("who", ["supervisor", "manager", "administrator", "stranger", "other_staff"])
def test_only_staff_for_the_master_account_files(
    who: str, estate: cast.Estate, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(Refused, match="Only staff for Northwind"):
        filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=request.getfixturevalue(who))
    assert not TrunkRequest.objects.exists()


def test_the_same_page_sent_twice_makes_one_request(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888123", caller_id="+14155550100")
    with pytest.raises(AlreadyFiled, match=trunk_request.reference) as caught:
        filing.file(draft, actor=staff)
    assert caught.value.trunk_request == trunk_request
    assert TrunkRequest.objects.count() == 1


def test_the_same_content_by_somebody_else_is_told_who_holds_it(
    estate: cast.Estate, trunk_request: TrunkRequest, second_staff: User
) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888123", caller_id="+14155550100")
    with pytest.raises(Invalid, match=trunk_request.reference):
        filing.file(draft, actor=second_staff)


def test_what_is_no_longer_pending_is_no_twin(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    draft = cast.draft(estate.sub, estate.trunk, "18888123", caller_id="+14155550100")
    with pytest.raises(Invalid, match=trunk_request.reference):
        filing.file(draft, actor=staff)


def test_an_event_that_cannot_be_written_takes_the_request_with_it(
    estate: cast.Estate, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise audit.NotRecorded("the trail is closed")

    monkeypatch.setattr(audit, "record", fail)
    with pytest.raises(audit.NotRecorded):
        filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=staff)
    assert not TrunkRequest.objects.exists()
    assert not Line.objects.exists()


def test_a_constraint_that_nobody_foresaw_is_not_hidden(
    estate: cast.Estate, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> TrunkRequest:
        raise IntegrityError("another constraint")

    monkeypatch.setattr(filing, "_create", fail)
    with pytest.raises(IntegrityError, match="another constraint"):
        filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=staff)


@pytest.mark.django_db(transaction=True)
def test_two_people_who_file_the_same_dnis_at_once_are_told_apart(
    estate: cast.Estate, staff: User, second_staff: User
) -> None:
    for number in range(10):
        dnis = f"18888{number:03}"
        first = cast.draft(estate.sub, estate.trunk, dnis)
        second = cast.draft(estate.other_sub, estate.trunk, dnis)
        results = together(
            partial(filing.file, first, actor=staff),
            partial(filing.file, second, actor=second_staff),
        )
        [won] = [result for result in results if isinstance(result, TrunkRequest)]
        [lost] = [result for result in results if not isinstance(result, TrunkRequest)]
        assert isinstance(lost, Invalid), repr(lost)
        assert won.reference in lost.problems["lines-0-dnis"][0]
        assert Line.objects.filter(dnis=dnis).count() == 1
    assert TrunkRequest.objects.count() == 10


@pytest.mark.django_db(transaction=True)
def test_two_people_who_want_the_same_dnis_in_opposite_orders_do_not_wait_for_each_other(
    estate: cast.Estate, staff: User, second_staff: User
) -> None:
    wanted = [f"18888{number:03}" for number in range(30)]
    held = threading.Event()

    def stand_in_the_middle() -> None:
        """Make each of the others wait halfway, with half of the DNIS in its hands."""
        with transaction.atomic():
            filing.file(cast.draft(estate.sub, estate.trunk, wanted[15]), actor=staff)
            held.set()
            time.sleep(0.3)
            transaction.set_rollback(True)

    def file(actor: User, *dnis: str) -> TrunkRequest:
        held.wait(10)
        return filing.file(cast.draft(estate.other_sub, estate.trunk, *dnis), actor=actor)

    _, *results = together(
        stand_in_the_middle,
        lambda: file(staff, *wanted),
        lambda: file(second_staff, *reversed(wanted)),
    )
    assert sorted(type(result).__name__ for result in results) == ["Invalid", "TrunkRequest"], results


@pytest.mark.django_db(transaction=True)
def test_a_double_click_makes_one_request(estate: cast.Estate, staff: User) -> None:
    for number in range(10):
        draft = cast.draft(estate.sub, estate.trunk, f"18888{number:03}")
        click = partial(filing.file, draft, actor=staff)
        results = together(click, click)
        [won] = [result for result in results if isinstance(result, TrunkRequest)]
        [twin] = [result for result in results if not isinstance(result, TrunkRequest)]
        assert isinstance(twin, AlreadyFiled), repr(twin)
        assert twin.trunk_request == won
    assert TrunkRequest.objects.count() == 10


def end_by_withdrawing(trunk_request: TrunkRequest, staff: User, _: User) -> None:
    filing.withdraw(trunk_request, actor=staff, version=1)


def end_by_denying(trunk_request: TrunkRequest, _: User, supervisor: User) -> None:
    review.deny(trunk_request, actor=supervisor, version=1, comment="Not now.")


@pytest.mark.parametrize("end", [end_by_withdrawing, end_by_denying])
def test_every_ending_gives_the_dnis_back(
    end: Callable[[TrunkRequest, User, User], None],
    estate: cast.Estate,
    trunk_request: TrunkRequest,
    staff: User,
    second_staff: User,
    supervisor: User,
) -> None:
    end(trunk_request, staff, supervisor)
    assert [line.hold for line in trunk_request.lines.all()] == [Hold.NONE]
    again = filing.file(cast.draft(estate.other_sub, estate.trunk, "18888123"), actor=second_staff)
    assert [line.hold for line in again.lines.all()] == [Hold.HELD]


def test_letting_go_leaves_what_is_assigned_alone(trunk_request: TrunkRequest) -> None:
    trunk_request.lines.update(hold=Hold.ASSIGNED)
    filing.release_holds(trunk_request)
    assert [line.hold for line in trunk_request.lines.all()] == [Hold.ASSIGNED]


def test_the_next_free_dnis_passes_over_whatever_is_taken(estate: cast.Estate, staff: User) -> None:
    cast.master_trunk(estate.master, "999", "Its own DNIS", "18888000", "192.0.2.9")
    filing.file(cast.draft(estate.sub, estate.trunk, "18888001"), actor=staff)
    ListedTrunk.objects.create(
        master=estate.master,
        sub_account=estate.other_sub,
        zoom_id="4711",
        dnis="18888002",
        first_seen_at=cast.LONG_AGO,
        last_seen_at=cast.LONG_AGO,
    )
    assert filing.next_free_dnis(estate.trunk, besides=["18888003"]) == "18888004"
    assert filing.next_free_dnis(estate.other_trunk) == "90001000"


def test_a_trunk_without_a_prefix_has_no_next_free_dnis(estate: cast.Estate) -> None:
    assert filing.next_free_dnis(MasterTrunk(master=estate.master, dnis="12")) is None


def test_every_refusal_says_why_in_words(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User, stranger: User
) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888123", caller_id="+14155550100")
    for who in (staff, stranger):
        with pytest.raises(WorkflowError) as caught:
            filing.file(draft, actor=who)
        assert caught.value.reason.endswith(".")
