"""Deciding on a request: by another, on exactly what the page showed, once."""

from collections.abc import Callable
from functools import partial

import pytest
from celery import current_app
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests import cast
from tests.together import together
from trunks import audit, dispatch
from trunks.models import Line, ListedTrunk, Role, TrunkRequest, User, clock
from trunks.workflow import filing, review
from trunks.workflow.errors import Invalid, Refused, Stale

pytestmark = pytest.mark.sqlite

Verb = Callable[..., TrunkRequest]
VERBS = {"approve": review.approve, "deny": review.deny, "send_back": review.send_back}
every_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
Rings = list[tuple[str, int]]


def fresh(trunk_request: TrunkRequest) -> TrunkRequest:
    """Return the request as a page of somebody else would load it."""
    return TrunkRequest.objects.get(pk=trunk_request.pk)


def test_an_approval_is_bound_to_the_content_and_rings_a_worker(
    trunk_request: TrunkRequest,
    supervisor: User,
    rung: Rings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        review.approve(trunk_request, actor=supervisor, version=1, comment="Fine.")
        assert rung == []
    assert rung == [(dispatch.PROVISION, trunk_request.pk)]
    trunk_request.refresh_from_db()
    assert (trunk_request.state, trunk_request.version) == ("approved", 2)
    assert (trunk_request.approved_by, trunk_request.approved_digest) == (
        supervisor,
        trunk_request.content_digest,
    )
    decision = trunk_request.decisions.get()
    assert (decision.verdict, decision.decided_by, decision.comment) == ("approve", supervisor, "Fine.")
    assert (decision.content_version, decision.content_digest) == (1, trunk_request.content_digest)


def test_a_grace_period_leaves_time_to_think_again(
    trunk_request: TrunkRequest,
    supervisor: User,
    settings: Settings,
    rung: Rings,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.GRACE_SECONDS = 30
    with django_capture_on_commit_callbacks(execute=True):
        review.approve(trunk_request, actor=supervisor, version=1)
    trunk_request.refresh_from_db()
    assert rung == []
    assert trunk_request.next_attempt_at is not None
    assert trunk_request.next_attempt_at > clock.read()
    assert not TrunkRequest.objects.due().exists()


def test_a_denial_ends_the_request_and_says_why(trunk_request: TrunkRequest, supervisor: User) -> None:
    review.deny(trunk_request, actor=supervisor, version=1, comment="The contract has ended.")
    assert trunk_request.state == "denied"
    event = audit.history(trunk_request).last()
    assert event is not None
    assert (event.action, event.actor, event.comment) == (
        "request.denied",
        supervisor,
        "The contract has ended.",
    )
    assert event.after["content_digest"] == trunk_request.content_digest


def test_sending_back_keeps_number_and_dnis(trunk_request: TrunkRequest, supervisor: User) -> None:
    review.send_back(trunk_request, actor=supervisor, version=1, comment="Which caller ID?")
    assert trunk_request.state == "sent_back"
    assert [line.hold for line in trunk_request.lines.all()] == ["held"]
    event = audit.history(trunk_request).last()
    assert event is not None
    assert event.action == "request.sent_back"


@pytest.mark.parametrize("verb", [review.deny, review.send_back])
@pytest.mark.parametrize("comment", ["", " \n\t"])
def test_a_no_without_a_reason_is_asked_for_one(
    verb: Verb, comment: str, trunk_request: TrunkRequest, supervisor: User
) -> None:
    with pytest.raises(Invalid) as caught:
        verb(trunk_request, actor=supervisor, version=1, comment=comment)
    assert set(caught.value.problems) == {"comment"}
    assert fresh(trunk_request).state == "pending"


@every_verb
@pytest.mark.parametrize("comment", ["a\x00b", "x" * 2001, "\u202e32188881"])
def test_a_comment_that_cannot_be_kept_is_refused_beside_its_field(
    verb: Verb, comment: str, trunk_request: TrunkRequest, supervisor: User
) -> None:
    with pytest.raises(Invalid) as caught:
        verb(trunk_request, actor=supervisor, version=1, comment=comment)
    assert set(caught.value.problems) == {"comment"}


@every_verb
def test_html_in_a_comment_is_kept_as_text(verb: Verb, trunk_request: TrunkRequest, supervisor: User) -> None:
    verb(trunk_request, actor=supervisor, version=1, comment="<b>no</b>")
    assert trunk_request.decisions.get().comment == "<b>no</b>"


@every_verb
@pytest.mark.parametrize("who", ["second_staff", "manager", "administrator", "stranger", "other_staff"])
def test_only_a_supervisor_for_the_master_account_decides(
    who: str, verb: Verb, trunk_request: TrunkRequest, supervisor: User, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(Refused, match="Only a supervisor for Northwind") as caught:
        verb(trunk_request, actor=request.getfixturevalue(who), version=1, comment="x")
    assert caught.value.who == "Sam Supervisor"
    assert fresh(trunk_request).state == "pending"


@every_verb
def test_a_supervisor_of_another_master_account_does_not_decide(
    verb: Verb, estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    other = cast.person("Olga Other", Role.SUPERVISOR, master=estate.foreign_master)
    with pytest.raises(Refused):
        verb(trunk_request, actor=other, version=1, comment="x")


@every_verb
def test_nobody_decides_on_what_they_filed_superusers_included(
    verb: Verb, estate: cast.Estate, superuser: User, supervisor: User
) -> None:
    mine = filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=superuser)
    with pytest.raises(Refused, match="You filed or amended this request") as caught:
        verb(mine, actor=superuser, version=1, comment="x")
    assert caught.value.who == "Sam Supervisor"
    assert fresh(mine).state == "pending"
    event = audit.history(mine).last()
    assert event is not None
    assert (event.action, event.actor) == ("request.action_refused", superuser)
    assert event.after["reason"].startswith("You filed or amended")


@every_verb
def test_nobody_decides_on_what_they_amended(
    verb: Verb, trunk_request: TrunkRequest, supervisor: User
) -> None:
    # The verbs let only the filer amend; whoever made a version by another way is an author all the same.
    revision = trunk_request.revisions.get()
    revision.pk, revision.content_version, revision.author = None, 2, supervisor
    revision.save()
    with pytest.raises(Refused, match="You filed or amended") as caught:
        verb(trunk_request, actor=supervisor, version=1, comment="x")
    assert caught.value.who == "nobody yet"


@every_verb
@pytest.mark.parametrize("first", VERBS.values(), ids=VERBS)
def test_who_comes_second_is_told_who_was_first_and_when(
    first: Verb, verb: Verb, trunk_request: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    late = fresh(trunk_request)
    first(trunk_request, actor=supervisor, version=1, comment="I was first.")
    for page in (late, fresh(trunk_request)):
        with pytest.raises(
            Stale, match=r"^Sam Supervisor .* on \d+ \w+ \d{4} at \d\d:\d\d UTC\. TR-\d{6} is now"
        ):
            verb(page, actor=second_supervisor, version=1, comment="Me too.")
    assert trunk_request.decisions.count() == 1


@every_verb
def test_an_amendment_makes_the_decision_stale(
    verb: Verb, estate: cast.Estate, trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    filing.amend(trunk_request, cast.draft(estate.sub, estate.trunk, "18888555"), actor=staff, version=1)
    with pytest.raises(Stale, match="Stella Staff amended the request"):
        verb(fresh(trunk_request), actor=supervisor, version=1, comment="x")
    assert not trunk_request.decisions.exists()


def test_content_that_was_changed_behind_the_portal_is_not_approved(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    Line.objects.filter(trunk_request=trunk_request).update(outbound_caller_id="+14155550199")
    with pytest.raises(Refused, match="not what was filed"):
        review.approve(fresh(trunk_request), actor=supervisor, version=1)
    assert fresh(trunk_request).state == "pending"
    assert not trunk_request.decisions.exists()
    event = audit.history(trunk_request).last()
    assert event is not None
    assert (event.action, event.after["action"]) == ("request.action_refused", "approve")


def test_what_no_longer_fits_the_world_is_not_approved(
    estate: cast.Estate, trunk_request: TrunkRequest, supervisor: User
) -> None:
    ListedTrunk.objects.create(
        master=estate.master,
        sub_account=estate.other_sub,
        zoom_id="4711",
        dnis="18888123",
        first_seen_at=cast.LONG_AGO,
        last_seen_at=cast.LONG_AGO,
    )
    with pytest.raises(Invalid, match="already assigned to Fourth Coffee"):
        review.approve(trunk_request, actor=supervisor, version=1)
    assert fresh(trunk_request).state == "pending"


def test_an_event_that_cannot_be_written_takes_the_approval_with_it(
    trunk_request: TrunkRequest, supervisor: User, monkeypatch: pytest.MonkeyPatch, rung: Rings
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise audit.NotRecorded("the trail is closed")

    monkeypatch.setattr(audit, "record", fail)
    with pytest.raises(audit.NotRecorded):
        review.approve(trunk_request, actor=supervisor, version=1)
    assert fresh(trunk_request).state == "pending"
    assert (fresh(trunk_request).decisions.count(), rung) == (0, [])


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_does_not_keep_anybody_from_approving(
    trunk_request: TrunkRequest,
    supervisor: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def down(*_: object, **__: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(current_app, "signature", down)
    review.approve(trunk_request, actor=supervisor, version=1)
    assert fresh(trunk_request).state == "approved"
    assert TrunkRequest.objects.due().get() == trunk_request
    assert "No worker could be rung" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_of_two_supervisors_at_once_exactly_one_decides(
    estate: cast.Estate, staff: User, supervisor: User, second_supervisor: User, rung: Rings
) -> None:
    for number in range(20):
        draft = cast.draft(estate.sub, estate.trunk, f"18888{number:03}")
        trunk_request = filing.file(draft, actor=staff)
        results = together(
            partial(review.approve, fresh(trunk_request), actor=supervisor, version=1),
            partial(review.approve, fresh(trunk_request), actor=second_supervisor, version=1),
        )
        [won] = [result for result in results if isinstance(result, TrunkRequest)]
        [lost] = [result for result in results if not isinstance(result, TrunkRequest)]
        assert isinstance(lost, Stale), repr(lost)
        assert f"{won.approved_by} approved the request on" in lost.reason
        assert trunk_request.decisions.get().decided_by == won.approved_by
        assert rung == [(dispatch.PROVISION, trunk_request.pk)]
        rung.clear()


@pytest.mark.django_db(transaction=True)
def test_of_approving_withdrawing_and_amending_at_once_exactly_one_happens(
    estate: cast.Estate, staff: User, supervisor: User
) -> None:
    happened = {
        "request.approved": ("approved", "1"),
        "request.withdrawn": ("withdrawn", "1"),
        "request.amended": ("pending", "2"),
    }
    for number in range(10):
        trunk_request = filing.file(cast.draft(estate.sub, estate.trunk, f"188881{number:02}"), actor=staff)
        other = cast.draft(estate.sub, estate.trunk, f"188882{number:02}")
        results = together(
            partial(review.approve, fresh(trunk_request), actor=supervisor, version=1),
            partial(filing.withdraw, fresh(trunk_request), actor=staff, version=1),
            partial(filing.amend, fresh(trunk_request), other, actor=staff, version=1),
        )
        assert [type(result) for result in results].count(Stale) == 2, results
        now = fresh(trunk_request)
        event = audit.history(trunk_request).last()
        assert event is not None
        assert happened[event.action] == (now.state, str(now.content_version))
        assert now.version == 2
