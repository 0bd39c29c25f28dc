"""Attacks on a decision, each by its name: on one's own request, twice, too late, or with more than was asked."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from tests import cast
from tests.conftest import SignedIn
from trunks import audit
from trunks.models import Decision, Permit, Role, RoleGrant, State, TrunkRequest, User
from trunks.workflow import filing, review
from trunks.workflow.errors import Refused

pytestmark = pytest.mark.sqlite

Verb = Callable[..., TrunkRequest]
VERBS = {"approve": review.approve, "deny": review.deny, "send_back": review.send_back}
every_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


def again(user: User) -> User:
    """Return the person as the next web request would load them."""
    return User.objects.get(pk=user.pk)


def assert_refused(trunk_request: TrunkRequest, user: User) -> None:
    """Assert that nothing came of it but the record of a refusal."""
    trunk_request.refresh_from_db()
    assert (trunk_request.state, trunk_request.decisions.count()) == (State.PENDING, 0)
    event = audit.history(trunk_request).last()
    assert event is not None
    assert (event.action, event.actor) == ("request.action_refused", user)
    assert event.after["reason"]


@every_verb
def test_a_role_given_later_lets_nobody_decide_on_what_they_filed(
    trunk_request: TrunkRequest, staff: User, verb: Verb
) -> None:
    RoleGrant.objects.create(user=staff, role=Role.SUPERVISOR)
    with pytest.raises(Refused, match="You filed or amended"):
        verb(trunk_request, actor=again(staff), version=1, comment="Mine")
    assert_refused(trunk_request, staff)


@every_verb
def test_a_superuser_flag_lets_nobody_decide_on_what_they_filed(
    estate: cast.Estate, superuser: User, verb: Verb
) -> None:
    mine = filing.file(cast.draft(estate.sub, estate.trunk, "18888123"), actor=superuser)
    with pytest.raises(Refused, match="You filed or amended"):
        verb(mine, actor=superuser, version=1, comment="Mine")
    assert_refused(mine, superuser)


@every_verb
def test_who_made_any_version_of_the_content_is_an_author_for_good(
    trunk_request: TrunkRequest, supervisor: User, verb: Verb
) -> None:
    trunk_request.revisions.update(author=supervisor)
    with pytest.raises(Refused, match="You filed or amended"):
        verb(trunk_request, actor=supervisor, version=1, comment="Mine")
    assert_refused(trunk_request, supervisor)


def test_a_shell_cannot_write_a_decision_of_who_filed_it(trunk_request: TrunkRequest, staff: User) -> None:
    row = {
        "trunk_request": trunk_request,
        "verdict": "approve",
        "decided_by": staff,
        "decided_at": trunk_request.filed_at,
        "content_version": 1,
        "content_digest": trunk_request.content_digest,
    }
    for more in (
        {"filed_by": staff},
        {},
    ):  # left out, the column is empty, which the database refuses as well
        with pytest.raises(IntegrityError), transaction.atomic():
            Decision.objects.create(**row, **more)


def test_a_shell_cannot_count_one_supervisor_twice(trunk_request: TrunkRequest, supervisor: User) -> None:
    review.approve(trunk_request, actor=supervisor, version=1)
    decision = Decision.objects.get()
    decision.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        decision.save()


def test_a_role_revoked_between_page_and_post_decides_nothing(
    signed_in: SignedIn, trunk_request: TrunkRequest, supervisor: User
) -> None:
    client = signed_in(supervisor)
    url = f"/requests/{trunk_request.reference}/"
    assert client.get(url).status_code == 200
    RoleGrant.objects.filter(user=supervisor, role=Role.SUPERVISOR).update(role=Role.MANAGER)
    assert client.post(f"{url}approve/", {"version": 1}).status_code == 403
    assert_refused(trunk_request, supervisor)


def test_a_replayed_post_approves_once(
    signed_in: SignedIn, trunk_request: TrunkRequest, supervisor: User
) -> None:
    client, url = signed_in(supervisor), f"/requests/{trunk_request.reference}/approve/"
    answers = [client.post(url, {"version": 1}).status_code for _ in range(3)]
    assert answers == [302, 409, 409]
    assert (trunk_request.decisions.count(), Permit.objects.count()) == (1, 1)


def test_an_expired_request_is_not_decided_on(trunk_request: TrunkRequest, supervisor: User) -> None:
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=State.EXPIRED)
    for verb in VERBS.values():
        with pytest.raises(Exception, match="Expired"):
            verb(TrunkRequest.objects.get(pk=trunk_request.pk), actor=supervisor, version=1, comment="Late")
    assert not Decision.objects.exists()


def test_state_and_approver_cannot_be_posted_with_a_decision(
    signed_in: SignedIn, trunk_request: TrunkRequest, staff: User, supervisor: User
) -> None:
    extra = {"state": "done", "approved_by": staff.pk, "decided_by": staff.pk, "approvals_needed": 0}
    url = f"/requests/{trunk_request.reference}/send-back/"
    signed_in(supervisor).post(url, {"version": 1, "comment": "Which trunk?", **extra})
    trunk_request.refresh_from_db()
    assert (trunk_request.state, trunk_request.approved_by) == (State.SENT_BACK, None)
    assert Decision.objects.get().decided_by == supervisor


def test_a_bulk_action_lets_nobody_decide_on_what_they_filed(
    signed_in: SignedIn, trunk_request: TrunkRequest, staff: User
) -> None:
    RoleGrant.objects.create(user=staff, role=Role.SUPERVISOR)
    client = signed_in(again(staff))
    chosen = f"{trunk_request.reference}.1.{trunk_request.base_digest}"
    form = {"chosen": chosen, "shown": trunk_request.reference, "comment": "Mine"}
    answer = client.post("/approvals/together/", form)
    assert answer.status_code == 409
    assert "You filed or amended this request" in answer.content.decode()
    assert_refused(trunk_request, staff)


def test_a_second_account_never_shares_the_session_of_the_first(
    signed_in: SignedIn, staff: User, supervisor: User
) -> None:
    client = signed_in(staff)
    first = client.session.session_key
    client.force_login(supervisor, backend="django.contrib.auth.backends.ModelBackend")
    assert client.session.session_key != first
    assert not client.session.exists(first or "")
