"""What a request stands on: kept when it is filed, compared with Zoom before it is decided on, taken in anew."""

import pytest
from pytest_django import Settings

from tests import cast, outbox
from tests.together import together
from tests.workflow.conftest import Zoom
from trunks import audit
from trunks.models import (
    Kind,
    ListedTrunk,
    MasterTrunk,
    Revision,
    State,
    TrunkRequest,
    User,
)
from trunks.workflow import base, filing, policy, preview, provisioning, quorum, review
from trunks.workflow.errors import Invalid, Refused, Stale

pytestmark = pytest.mark.sqlite

MINE = "18888123"


def loaded(trunk_request: TrunkRequest) -> TrunkRequest:
    return TrunkRequest.objects.get(pk=trunk_request.pk)


@pytest.fixture
def asked(zoom: Zoom, staff: User) -> TrunkRequest:
    """Return a pending request for one DNIS that nobody has at Zoom."""
    return filing.file(zoom.draft(MINE, caller_id="+14155550100"), actor=staff)


@pytest.fixture
def removal(zoom: Zoom, staff: User) -> TrunkRequest:
    """Return a pending request to take away a DNIS that the sub account has at Zoom."""
    zoom.in_console(MINE, "+14155550100")
    preview.read_anew(zoom.sub)
    lines = [filing.LineDraft(zoom.trunk, MINE)]
    return filing.file(filing.Draft(zoom.sub, Kind.UNASSIGN, "Closed", "", lines), actor=staff)


def test_what_zoom_had_is_kept_with_the_version_that_was_filed(zoom: Zoom, asked: TrunkRequest) -> None:
    kept = asked.revisions.get().base
    assert kept["numbers"] == {MINE: None}
    assert kept["trunks"][zoom.trunk.zoom_id] == {
        "name": str(zoom.trunk),
        "dnis": zoom.trunk.dnis,
        "gone": False,
    }
    zoom.sub.refresh_from_db()
    assert zoom.sub.trunks_read_at is not None
    assert kept["read_at"] == zoom.sub.trunks_read_at.isoformat()
    assert base.asked_on(asked).digest == asked.base_digest


def test_an_amendment_keeps_a_base_of_its_own(zoom: Zoom, asked: TrunkRequest, staff: User) -> None:
    filing.amend(asked, zoom.draft("18888124"), actor=staff, version=1)
    first, second = asked.revisions.order_by("content_version")
    assert (list(first.base["numbers"]), list(second.base["numbers"])) == ([MINE], ["18888124"])
    assert base.asked_on(loaded(asked)).digest == loaded(asked).base_digest


def test_an_ordinary_request_is_approved_by_its_version_alone(asked: TrunkRequest, supervisor: User) -> None:
    review.approve(asked, actor=supervisor, version=1)
    assert asked.state == State.APPROVED
    assert asked.decisions.get().base_digest == asked.base_digest


def test_reading_the_same_once_more_changes_nothing(asked: TrunkRequest, supervisor: User) -> None:
    preview.read_anew(asked.sub_account)
    assert base.changes(asked) == []
    review.revalidate(asked, actor=supervisor, version=1)
    assert (loaded(asked).version, audit.history(asked).count()) == (1, 1)
    assert policy.may(supervisor, "approve", loaded(asked))


def test_a_trunk_of_the_sub_account_that_is_not_asked_about_does_not_concern_it(
    zoom: Zoom, asked: TrunkRequest
) -> None:
    zoom.in_console("18888999", "+14155550199")
    preview.read_anew(asked.sub_account)
    assert base.changes(asked) == []


def test_a_dnis_that_was_taken_meanwhile_is_validated_again_and_still_does_not_fit(
    zoom: Zoom, asked: TrunkRequest, supervisor: User
) -> None:
    zoom.in_console(MINE, "+14155550199")
    preview.read_anew(asked.sub_account)
    with pytest.raises(Stale, match="Zoom has changed since") as refused:
        review.approve(loaded(asked), actor=supervisor, version=1)
    assert f"{MINE} when requested: Nobody has it. Now: {zoom.sub} has it, caller ID +14155550199." in str(
        refused.value
    )
    review.revalidate(loaded(asked), actor=supervisor, version=1)
    with pytest.raises(Invalid, match="already assigned"):
        review.approve(loaded(asked), actor=supervisor, version=2)
    review.send_back(loaded(asked), actor=supervisor, version=2, comment="It is taken.")
    assert loaded(asked).state == State.SENT_BACK


def test_a_dnis_that_another_customer_got_is_told_with_their_name(
    zoom: Zoom, asked: TrunkRequest, supervisor: User
) -> None:
    zoom.in_console(MINE, "", zoom.other_sub)
    preview.read_anew(zoom.other_sub)
    assert base.changes(asked) == [
        f"{MINE} when requested: Nobody has it. Now: {zoom.other_sub} has it, no caller ID shown."
    ]


def test_a_present_trunk_that_is_gone_stops_the_approval_at_once(
    zoom: Zoom, removal: TrunkRequest, supervisor: User, settings: Settings
) -> None:
    """The estate keeps a row for the quiet period; whoever decides is told by the first list without it."""
    settings.QUIET_SECONDS = 60.0
    zoom.in_console(MINE, None)
    preview.read_anew(removal.sub_account)
    assert ListedTrunk.objects.get(dnis=MINE).gone_at is None
    answer = policy.may(supervisor, "approve", loaded(removal))
    assert answer.by_zoom
    assert "Now: Nobody has it." in answer.reason


def test_a_caller_id_that_was_changed_in_zooms_console_voids_what_was_approved_before(
    zoom: Zoom, removal: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    TrunkRequest.objects.filter(pk=removal.pk).update(approvals_needed=2)
    review.approve(loaded(removal), actor=supervisor, version=1)
    zoom.in_console(MINE, None)
    zoom.in_console(MINE, "+14155550177")
    review.revalidate(loaded(removal), actor=second_supervisor, version=2)
    row = loaded(removal)
    assert quorum.of(row).missing == 2
    assert quorum.votes(row)[0].void.startswith("void: Zoom has changed")
    review.approve(row, actor=supervisor, version=3)
    review.approve(loaded(removal), actor=second_supervisor, version=4)
    assert loaded(removal).state == State.APPROVED
    event = audit.history(removal).get(action="request.revalidated")
    assert event.actor == second_supervisor
    assert event.before["base"]["numbers"][MINE]["caller_id"] == "+14155550100"
    assert event.after["base"]["numbers"][MINE]["caller_id"] == "+14155550177"
    assert Revision.objects.get(trunk_request=removal).base == event.after["base"]


def test_a_list_that_shows_no_caller_id_says_nothing_about_it(zoom: Zoom, removal: TrunkRequest) -> None:
    zoom.sandbox.switch("list_caller_id", "no")
    preview.read_anew(removal.sub_account)
    assert base.changes(removal) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"gone_at": cast.LONG_AGO}, "is no longer at Zoom."),
        ({"dnis": "1999912345"}, "has the DNIS 1999912345 now, not"),
    ],
)
def test_a_master_trunk_that_is_not_what_it_was_concerns_it(
    zoom: Zoom, asked: TrunkRequest, values: dict[str, object], words: str
) -> None:
    MasterTrunk.objects.filter(pk=zoom.trunk.pk).update(**values)
    [told] = base.changes(loaded(asked))
    assert words in told


def test_a_master_trunk_that_came_back_is_told(zoom: Zoom, asked: TrunkRequest) -> None:
    kept = asked.revisions.get()
    kept.base["trunks"][zoom.trunk.zoom_id]["gone"] = True
    kept.save(update_fields=["base"])
    assert base.changes(asked) == [f"The master trunk {zoom.trunk} is at Zoom again."]


def test_a_removal_does_not_mind_the_master_trunk(zoom: Zoom, removal: TrunkRequest) -> None:
    MasterTrunk.objects.filter(pk=zoom.trunk.pk).update(gone_at=cast.LONG_AGO)
    assert base.changes(loaded(removal)) == []


def test_what_was_filed_before_bases_were_kept_can_be_approved(asked: TrunkRequest, supervisor: User) -> None:
    asked.revisions.update(base={})
    TrunkRequest.objects.filter(pk=asked.pk).update(base_digest=base.Base({}, None).digest)
    assert [row.then for row in base.compared(loaded(asked), base.asked_on(loaded(asked)))] == [base.NOT_READ]
    assert review.approve(loaded(asked), actor=supervisor, version=1).state == State.APPROVED


def test_what_was_filed_without_a_reading_can_be_given_a_base(asked: TrunkRequest, supervisor: User) -> None:
    asked.revisions.update(base={})
    review.revalidate(loaded(asked), actor=supervisor, version=1)
    assert (loaded(asked).version, base.asked_on(asked).known) == (2, True)


def test_a_base_that_the_page_did_not_show_is_stale(asked: TrunkRequest, supervisor: User) -> None:
    with pytest.raises(Stale):
        review.approve(asked, actor=supervisor, version=1, stands_on="0" * 64)
    assert asked.decisions.count() == 0
    assert review.approve(loaded(asked), actor=supervisor, version=1, stands_on=asked.base_digest)


def test_a_page_from_before_the_validation_is_stale(
    zoom: Zoom, removal: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    zoom.in_console(MINE, None)
    review.revalidate(loaded(removal), actor=second_supervisor, version=1)
    with pytest.raises(Stale, match="validated the request again"):
        review.approve(loaded(removal), actor=supervisor, version=1)


def test_zoom_that_cannot_be_read_changes_nothing_and_stops_no_approval(
    zoom: Zoom, asked: TrunkRequest, supervisor: User
) -> None:
    zoom.sandbox.fault("500", path=r"/sip_trunk/trunks$")
    with pytest.raises(Invalid, match="could not be read, so nothing was changed"):
        review.revalidate(asked, actor=supervisor, version=1)
    assert loaded(asked).version == 1
    assert review.approve(loaded(asked), actor=supervisor, version=1).state == State.APPROVED


@pytest.mark.parametrize("who", ["staff", "second_staff", "manager", "administrator"])
def test_only_who_can_decide_validates_again(
    asked: TrunkRequest, who: str, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(Refused):
        review.revalidate(asked, actor=request.getfixturevalue(who), version=1)
    assert audit.history(asked).filter(action="request.action_refused").count() == 1


def test_what_is_decided_is_not_validated_again(asked: TrunkRequest, supervisor: User) -> None:
    review.approve(asked, actor=supervisor, version=1)
    with pytest.raises(Stale):
        review.revalidate(loaded(asked), actor=supervisor, version=2)


def test_two_who_validate_at_once_make_one_new_base(
    zoom: Zoom, removal: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    zoom.in_console(MINE, None)

    def by(user: User) -> TrunkRequest:
        return review.revalidate(loaded(removal), actor=user, version=1)

    ended = together(lambda: by(supervisor), lambda: by(second_supervisor))
    assert sorted(isinstance(one, Stale) for one in ended) == [False, True], ended
    assert audit.history(removal).filter(action="request.revalidated").count() == 1


def test_who_finds_the_new_base_of_another_made_none(
    zoom: Zoom,
    removal: TrunkRequest,
    supervisor: User,
    second_supervisor: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    zoom.in_console(MINE, None)
    opened = loaded(removal)
    zoom.before(
        monkeypatch,
        "trunks.workflow.base.asked_on",
        lambda: review.revalidate(loaded(removal), actor=second_supervisor, version=1),
    )
    with pytest.raises(Stale, match="Sue Supervisor"):
        review.revalidate(opened, actor=supervisor, version=1)


def test_validating_again_is_no_decision_and_the_clock_goes_on(
    zoom: Zoom, removal: TrunkRequest, supervisor: User
) -> None:
    zoom.in_console(MINE, None)
    since = removal.changed_at
    outbox.silence()
    review.revalidate(loaded(removal), actor=supervisor, version=1)
    assert loaded(removal).changed_at == since
    assert outbox.deliver() == []


def test_a_change_is_compared_by_what_it_takes_away_and_what_it_gives(
    zoom: Zoom, removal: TrunkRequest, staff: User, supervisor: User
) -> None:
    filing.withdraw(removal, actor=staff, version=1)
    lines = [filing.LineDraft(zoom.trunk, "18888124", "", MINE)]
    change = filing.file(filing.Draft(zoom.sub, Kind.CHANGE, "Moves", "", lines), actor=staff)
    taken, given = base.compared(change, base.asked_on(change))
    assert (taken.dnis, taken.then, taken.after) == (
        MINE,
        f"{zoom.sub} has it, caller ID +14155550100.",
        "Nobody has it.",
    )
    assert (given.dnis, given.then, given.now) == ("18888124", "Nobody has it.", "Nobody has it.")
    assert given.after == f"{zoom.sub} has it, no caller ID, through {zoom.trunk}."
    assert [row.differs for row in (taken, given)] == [False, False]


def test_what_moved_after_the_approval_is_still_found_before_anything_is_sent(
    zoom: Zoom, asked: TrunkRequest, supervisor: User
) -> None:
    review.approve(asked, actor=supervisor, version=1)
    zoom.in_console(MINE, "+14155550199", zoom.other_sub)
    preview.read_anew(zoom.other_sub)
    provisioning.provision(asked.pk)
    assert loaded(asked).state == State.SENT_BACK
    assert MINE not in zoom.assigned()


def test_after_a_removal_nobody_has_the_dnis(zoom: Zoom, removal: TrunkRequest) -> None:
    [line] = base.compared(removal, base.asked_on(removal))
    assert (line.dnis, line.after) == (MINE, base.NOBODY)
