"""No verb without its event: every one is found by looking, made to act, and made to refuse."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.utils import timezone

from tests import cast
from trunks import workflow
from trunks.actions import Outcome
from trunks.audit_reading import Filters
from trunks.forms.audit import OBJECTS
from trunks.models import (
    How,
    Invitation,
    LineState,
    PreparedFile,
    Role,
    RoleGrant,
    SavedView,
    State,
    Topic,
    TrunkRequest,
    User,
    Webhook,
    WriteStop,
    clock,
)
from trunks.models.audit_event import AuditEvent
from trunks.templatetags.events import KINDS
from trunks.workflow import (
    attention,
    authority,
    checks,
    choosing,
    connecting,
    delegating,
    displaced,
    drafts,
    errors,
    estate,
    evidence,
    exporting,
    filing,
    importing,
    invitations,
    looks,
    monthly,
    notices,
    occasions,
    oversight,
    people,
    policies,
    preparing,
    provisioning,
    reconcile,
    refusals,
    review,
    roles,
    signing_in,
    stopping,
    transitions,
    webhooks,
)

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


@dataclass
class Stage:
    """The cast and one pending request, for the recipes."""

    estate: cast.Estate
    trunk_request: TrunkRequest
    staff: User
    supervisor: User
    second_supervisor: User
    administrator: User
    stranger: User

    def draft(self, dnis: str) -> filing.Draft:
        return cast.draft(self.estate.sub, self.estate.trunk, dnis)

    def at(self, state: State, line: LineState) -> TrunkRequest:
        self.trunk_request.lines.update(state=line)
        TrunkRequest.objects.filter(pk=self.trunk_request.pk).update(state=state, needs_attention=True)
        self.trunk_request.refresh_from_db()
        return self.trunk_request

    def lost(self) -> TrunkRequest:
        self.trunk_request.lines.update(without_trunk=True)
        return self.at(State.FAILED, LineState.REFUSED)

    def displaced(self) -> TrunkRequest:
        TrunkRequest.objects.update(sent_at=clock.now())
        facts = {displaced.GONE: ["18888100"]}
        occasions.note_once(Topic.LOST, self.trunk_request, "lost:of-a-test", facts)
        return self.at(State.DONE, LineState.ASSIGNED)

    def stop(self) -> WriteStop:
        return stopping.stop(actor=self.supervisor, reason="Look first.")

    def asked(self) -> WriteStop:
        stop = self.stop()
        stopping.ask_to_start(stop, actor=self.supervisor)
        return stop

    def invited(self) -> Invitation:
        offer = invitations.Offer("new@example.com", [Role.STAFF])
        return invitations.invite(offer, actor=self.administrator, by_mail=False).invitation

    def view(self) -> SavedView:
        return oversight.keep_view(
            actor=self.administrator, name="Failed", query="outcome=failed", shared=True
        )

    def grant(self) -> RoleGrant:
        return self.staff.role_grants.get()

    def half_approved(self) -> TrunkRequest:
        TrunkRequest.objects.filter(pk=self.trunk_request.pk).update(approvals_needed=2)
        self.trunk_request.refresh_from_db()
        return cast.approved(self.trunk_request, self.supervisor)

    def with_factor(self) -> User:
        Authenticator.objects.create(user=self.staff, type=Authenticator.Type.TOTP, data={})
        return self.staff

    def hook(self, *, is_active: bool = True) -> Webhook:
        address = {"name": "Tickets", "url": "https://hooks.example.com/", "secret": "s"}
        more = {"topics": ["asked"], "made_by": self.administrator, "made_at": timezone.now()}
        return Webhook.objects.create(**address, **more, is_active=is_active)

    def file(self) -> PreparedFile:
        return preparing.ask("csv", Filters(), actor=self.administrator, asked="")

    def terms(self) -> delegating.Terms:
        day = timezone.now().date()
        return delegating.Terms(self.staff, day, day, "Holiday")

    def inactive(self) -> User:
        people.deactivate(self.staff, actor=self.administrator)
        return self.staff


Verb = Callable[..., Any]
# For each verb: who acts, and what they act with. A verb that has no recipe fails the first test.
Recipe = tuple[str, Callable[[Stage], tuple[tuple[Any, ...], dict[str, Any]]]]
ONE = {"version": 1}
WHY = {"version": 1, "comment": "Because."}
RECIPES: dict[Verb, Recipe] = {
    filing.file: ("staff", lambda s: ((s.draft("18888777"),), {})),
    filing.amend: ("staff", lambda s: ((s.trunk_request, s.draft("18888778")), ONE)),
    filing.withdraw: ("staff", lambda s: ((s.trunk_request,), ONE)),
    review.approve: ("supervisor", lambda s: ((s.trunk_request,), ONE)),
    review.deny: ("supervisor", lambda s: ((s.trunk_request,), WHY)),
    review.send_back: ("supervisor", lambda s: ((s.trunk_request,), WHY)),
    provisioning.retry: ("staff", lambda s: ((s.at(State.FAILED, LineState.REFUSED),), ONE)),
    reconcile.check_now: ("staff", lambda s: ((s.at(State.UNCONFIRMED, LineState.UNKNOWN),), {})),
    reconcile.give_up: ("supervisor", lambda s: ((s.at(State.UNCONFIRMED, LineState.UNKNOWN),), WHY)),
    attention.end_alarm: ("supervisor", lambda s: ((s.lost(),), WHY)),
    attention.end_displaced: ("supervisor", lambda s: ((s.displaced(),), WHY)),
    estate.request_sync: ("administrator", lambda s: ((s.estate.master,), {})),
    stopping.stop: ("supervisor", lambda s: ((), {"reason": "Look first."})),
    stopping.ask_to_start: ("supervisor", lambda s: ((s.stop(),), {})),
    stopping.decline_to_start: ("supervisor", lambda s: ((s.asked(),), {"reason": "Not yet."})),
    stopping.confirm_start: ("second_supervisor", lambda s: ((s.asked(),), {})),
    invitations.invite: (
        "administrator",
        lambda s: ((invitations.Offer("new@example.com", [Role.STAFF]),), {"by_mail": False}),
    ),
    invitations.renew: ("administrator", lambda s: ((s.invited(),), {"by_mail": False})),
    invitations.withdraw: ("administrator", lambda s: ((s.invited(),), {})),
    delegating.make: ("supervisor", lambda s: ((s.terms(),), {})),
    delegating.end: ("supervisor", lambda s: ((delegating.make(s.terms(), actor=s.supervisor),), {})),
    roles.grant: ("administrator", lambda s: ((s.stranger,), {"role": Role.MANAGER})),
    roles.revoke: ("administrator", lambda s: ((s.grant(),), {})),
    people.deactivate: ("administrator", lambda s: ((s.staff,), {})),
    people.reactivate: ("administrator", lambda s: ((s.inactive(),), {})),
    people.end_sessions: ("administrator", lambda s: ((s.staff,), {})),
    people.reset_second_factors: ("administrator", lambda s: ((s.with_factor(),), {})),
    signing_in.signed_in: ("staff", lambda s: ((), {"by": ["password"]})),
    signing_in.confirmed: ("staff", lambda s: ((), {"by": "password"})),
    signing_in.signed_out: ("staff", lambda s: ((), {"session_key": None})),
    signing_in.others_ended: ("staff", lambda s: ((), {"number": 2})),
    signing_in.factor_added: ("staff", lambda s: ((), {"kind": "totp"})),
    signing_in.factor_removed: ("staff", lambda s: ((), {"kind": "totp"})),
    signing_in.factor_renamed: ("staff", lambda s: ((), {"before": "Old phone", "after": "New phone"})),
    signing_in.codes_generated: ("staff", lambda s: ((), {})),
    signing_in.codes_shown: ("staff", lambda s: ((), {"number": 10})),
    signing_in.code_used: ("staff", lambda s: ((), {"left": 3})),
    signing_in.password_changed: ("staff", lambda s: ((), {"keep": None})),
    webhooks.renew_secret: ("administrator", lambda s: ((s.hook(),), {})),
    webhooks.switch_off: ("administrator", lambda s: ((s.hook(),), {})),
    webhooks.switch_on: ("administrator", lambda s: ((s.hook(is_active=False),), {})),
    webhooks.send_test: ("administrator", lambda s: ((s.hook(),), {})),
    preparing.ask: (
        "administrator",
        lambda s: (("csv", Filters()), {"asked": ""}),
    ),
    preparing.remove: ("administrator", lambda s: ((s.file(),), {})),
    preparing.take: ("administrator", lambda s: ((s.file(),), {})),
    checks.ask: ("administrator", lambda s: ((), {"full": True})),
    choosing.choose: ("staff", lambda s: (({Topic.ASKED: How.NEVER},), {})),
    oversight.keep_view: (
        "administrator",
        lambda s: ((), {"name": "Failed", "query": "outcome=failed", "shared": False}),
    ),
    oversight.remove_view: ("administrator", lambda s: ((s.view(),), {})),
    review.take_back: ("supervisor", lambda s: ((s.half_approved(),), {"version": 2})),
}
# What takes an actor and is no verb of its own: questions, and what verbs are made of. Each has tests of its own.
PARTS: set[Verb] = {
    *(authority.may_give, authority.may_change_roles, authority.may_change_person),
    *(delegating.may_make, delegating.may_end, delegating.problems),
    *(delegating.end_all_of, delegating.end_what_is_void),
    *(
        authority.demand,
        authority.refuse,
        refusals.refuse,
        filing.problems,
        transitions.move,
        occasions.note,
    ),
    *(drafts.twin_of, importing.plan),
    looks.note,  # which version was on a supervisor's screen; the decision that follows has the event
}
# Each of these has tests of its own that look at its event: it asks Zoom first, or needs more than one person.
ELSEWHERE: dict[Verb, str] = {connecting.connect: "test_connecting", notices.send_again: "test_notices"}
# A month has to be over first; who is refused is looked at there as well.
ELSEWHERE |= dict.fromkeys((monthly.draw, monthly.mark, monthly.sign_off, monthly.hand_out), "test_monthly")
# That something was read; nobody is refused it who sees the page.
ELSEWHERE |= {policies.save: "test_policies", exporting.export: "test_audit_export"}
ELSEWHERE |= {evidence.pack: "test_evidence", review.revalidate: "test_base", refusals.note: "test_refusals"}
ELSEWHERE |= dict.fromkeys((webhooks.add, webhooks.send_again), "test_webhooks")
ELSEWHERE |= dict.fromkeys(
    (oversight.note_reading_of_person, oversight.note_reading_of_address), "test_oversight"
)
ELSEWHERE |= {oversight.note_reading_of_sessions: "test_people"}
ELSEWHERE |= {importing.file_all: "test_filing_tables"}  # of a plan that somebody was shown
# Everybody chooses and signs in for themselves; a sign-in that fails is told by verbs without an actor.
NEVER_REFUSED: set[Verb] = {choosing.choose} | {
    verb for verb in RECIPES if verb.__module__ == signing_in.__name__
}


def verbs() -> set[Verb]:
    found = set()
    for module in pkgutil.iter_modules(workflow.__path__):
        for name, verb in vars(importlib.import_module(f"trunks.workflow.{module.name}")).items():
            own = getattr(verb, "__module__", "") == f"trunks.workflow.{module.name}"
            if own and callable(verb) and not name.startswith("_") and not inspect.isclass(verb):
                found |= {verb} if "actor" in inspect.signature(verb).parameters else set()
    return found


def named(verb: Verb) -> str:
    return f"{verb.__module__.rpartition('.')[2]}.{verb.__name__}"


CASES: list[Verb] = sorted(RECIPES, key=lambda verb: named(verb))


@pytest.fixture
def stage(
    estate: cast.Estate,
    trunk_request: TrunkRequest,
    staff: User,
    supervisor: User,
    second_supervisor: User,
    administrator: User,
    stranger: User,
) -> Stage:
    people_ = (staff, supervisor, second_supervisor, administrator, stranger)
    return Stage(estate, trunk_request, *people_)


def test_every_verb_has_its_recipe() -> None:
    known = {named(verb) for verb in (*RECIPES, *PARTS, *ELSEWHERE)}
    assert {named(verb) for verb in verbs()} == known


def fresh() -> AuditEvent | None:
    return AuditEvent.objects.order_by("-id").first()


@pytest.mark.parametrize("verb", CASES, ids=named)
def test_what_a_person_does_leaves_an_event_of_theirs(verb: Verb, stage: Stage) -> None:
    who, recipe = RECIPES[verb]
    arguments, more = recipe(stage)
    before = fresh()
    verb(*arguments, actor=getattr(stage, who), **more)
    after = fresh()
    assert after is not None
    assert before is None or after.id > before.id
    assert after.actor == getattr(stage, who)
    assert after.outcome != Outcome.REFUSED
    assert after.object_type in dict(OBJECTS).keys() & KINDS.keys()


@pytest.mark.parametrize("verb", [verb for verb in CASES if verb not in NEVER_REFUSED], ids=named)
def test_a_refused_attempt_leaves_an_event_as_well(verb: Verb, stage: Stage) -> None:
    _, recipe = RECIPES[verb]
    arguments, more = recipe(stage)
    with pytest.raises(errors.Refused):
        verb(*arguments, actor=stage.stranger, **more)
    event = fresh()
    assert event is not None
    assert (event.actor, event.outcome) == (stage.stranger, Outcome.REFUSED)
    assert event.object_type in dict(OBJECTS).keys() & KINDS.keys()
