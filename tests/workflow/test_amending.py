"""Amending a request: a new version of its content, by who filed it."""

from dataclasses import replace

import pytest
from django.db import IntegrityError

from tests import cast
from trunks import audit
from trunks.models import Hold, TrunkRequest, User
from trunks.workflow import filing, review, rules
from trunks.workflow.content import content_of, digest_of
from trunks.workflow.errors import Invalid, Problems, Refused, Stale

pytestmark = pytest.mark.sqlite


def test_an_amended_request_has_new_lines_a_new_version_and_waits_again(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    draft = cast.draft(estate.other_sub, estate.other_trunk, "90001123", "90001124", reason="Moved")
    filing.amend(trunk_request, draft, actor=staff, version=1)
    trunk_request.refresh_from_db()
    assert (trunk_request.state, trunk_request.version, trunk_request.content_version) == ("pending", 2, 2)
    assert (trunk_request.sub_account, trunk_request.reason) == (estate.other_sub, "Moved")
    assert [line.dnis for line in trunk_request.lines.all()] == ["90001123", "90001124"]
    assert trunk_request.content_digest == digest_of(content_of(trunk_request))


def test_the_old_versions_stay_as_revisions(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    filing.amend(trunk_request, cast.draft(estate.sub, estate.trunk, "18888555"), actor=staff, version=1)
    revisions = list(trunk_request.revisions.all())
    kept = [(revision.content_version, revision.content["lines"][0]["dnis"]) for revision in revisions]
    assert kept == [(1, "18888123"), (2, "18888555")]
    assert revisions[1].digest == trunk_request.content_digest


def test_the_event_tells_only_what_changed(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    draft = replace(filing.draft_of(trunk_request), reason="Another reason")
    filing.amend(trunk_request, draft, actor=staff, version=1)
    event = audit.history(trunk_request).last()
    assert event is not None
    assert (event.action, event.actor) == ("request.amended", staff)
    assert event.before == {"state": "pending", "reason": "New customer"}
    assert event.after == {"state": "pending", "reason": "Another reason"}


def test_the_old_dnis_is_free_and_the_new_one_held(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User, second_staff: User
) -> None:
    filing.amend(trunk_request, cast.draft(estate.sub, estate.trunk, "18888555"), actor=staff, version=1)
    filing.file(cast.draft(estate.other_sub, estate.trunk, "18888123"), actor=second_staff)
    with pytest.raises(Invalid, match=trunk_request.reference):
        filing.file(cast.draft(estate.other_sub, estate.trunk, "18888555"), actor=second_staff)


def test_what_was_sent_back_waits_again_after_amending(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    review.send_back(trunk_request, actor=supervisor, version=1, comment="Another DNIS, please.")
    assert [line.hold for line in trunk_request.lines.all()] == [Hold.HELD]
    filing.amend(trunk_request, cast.draft(estate.sub, estate.trunk, "18888555"), actor=staff, version=2)
    assert (trunk_request.state, trunk_request.version) == ("pending", 3)


def test_bad_content_leaves_the_old_one(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    with pytest.raises(Invalid) as caught:
        filing.amend(trunk_request, cast.draft(estate.sub, estate.trunk, "1"), actor=staff, version=1)
    assert set(caught.value.problems) == {"lines-0-dnis"}
    trunk_request.refresh_from_db()
    assert (trunk_request.version, [line.dnis for line in trunk_request.lines.all()]) == (1, ["18888123"])


def test_a_request_stays_with_its_master_account(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User
) -> None:
    draft = cast.draft(estate.foreign_sub, estate.foreign_trunk, "70003555")
    with pytest.raises(Invalid, match="stays with its master account"):
        filing.amend(trunk_request, draft, actor=staff, version=1)


@pytest.mark.parametrize("who", ["second_staff", "supervisor", "administrator", "superuser", "other_staff"])
def test_nobody_but_who_filed_it_amends_it(
    who: str, trunk_request: TrunkRequest, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(Refused, match="Only the person who filed the request can amend it") as caught:
        filing.amend(
            trunk_request,
            filing.draft_of(trunk_request),
            actor=request.getfixturevalue(who),
            version=1,
        )
    assert caught.value.who == "Stella Staff"
    event = audit.history(trunk_request).last()
    assert event is not None
    assert (event.action, event.after["action"]) == ("request.action_refused", "amend")


def test_a_stale_page_amends_nothing(estate: cast.Estate, trunk_request: TrunkRequest, staff: User) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888555")
    filing.amend(trunk_request, draft, actor=staff, version=1)
    with pytest.raises(Stale, match="Stella Staff amended the request on"):
        filing.amend(trunk_request, draft, actor=staff, version=1)


def test_what_is_approved_can_no_longer_be_amended(
    trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    cast.approved(trunk_request, supervisor)
    with pytest.raises(Stale, match="Sam Supervisor approved the request"):
        filing.amend(trunk_request, filing.draft_of(trunk_request), actor=staff, version=2)


def test_who_comes_between_look_and_write_is_named(
    estate: cast.Estate,
    trunk_request: TrunkRequest,
    staff: User,
    second_staff: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look = rules.problems

    def take_it_after_the_look(draft: filing.Draft, *, amending: TrunkRequest) -> Problems:
        found = look(draft, amending=amending)
        monkeypatch.undo()
        filing.file(cast.draft(estate.other_sub, estate.trunk, "18888555"), actor=second_staff)
        return found

    monkeypatch.setattr(rules, "problems", take_it_after_the_look)
    with pytest.raises(Invalid, match="18888555 is taken by"):
        filing.amend(trunk_request, cast.draft(estate.sub, estate.trunk, "18888555"), actor=staff, version=1)
    trunk_request.refresh_from_db()
    assert (trunk_request.version, trunk_request.state) == (1, "pending")


def test_a_constraint_that_nobody_foresaw_is_not_hidden(
    trunk_request: TrunkRequest, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise IntegrityError("another constraint")

    monkeypatch.setattr(filing, "_replace", fail)
    with pytest.raises(IntegrityError, match="another constraint"):
        filing.amend(trunk_request, filing.draft_of(trunk_request), actor=staff, version=1)
