"""Every address that changes something leaves an event when it does; an address without a recipe fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.utils import timezone

from tests import trail
from tests.matrix import scene as stage
from tests.matrix.rows import invitation, one, revocation, staff_member
from tests.matrix.scene import Scene
from tests.matrix.table import ROWS
from trunks import tables
from trunks.audit_reading import Filters
from trunks.forms.audit import OBJECTS
from trunks.models import (
    Delivery,
    LineState,
    Mark,
    MonthReview,
    PreparedFile,
    RoleGrant,
    SampledItem,
    SavedView,
    Sending,
    State,
    Topic,
    TrunkRequest,
    User,
    Webhook,
    clock,
)
from trunks.models.audit_event import AuditEvent
from trunks.templatetags.events import KINDS
from trunks.workflow import (
    displaced,
    importing,
    monthly,
    occasions,
    oversight,
    people,
    preparing,
    review,
    stopping,
    webhooks,
)

POSTS = {pattern for pattern, row in ROWS.items() if "POST" in row.answers}
Recipe = tuple[str, Callable[[Scene], str] | str, Callable[[Scene], dict[str, Any]]]
# What answers a POST and changes nothing: it draws the form again.
CHANGES_NOTHING = {"requests/new/form/"}
# Asks Zoom before it stores anything, or comes with a link instead of a person; see test_base,
# test_connecting, test_invitations.
ELSEWHERE = {"masters/connect/", "invitation/", "requests/<reference:reference>/revalidate/"}
CHOICES = {"asked": "never", "reminder": "never", "escalated": "never", "decided": "never"}
CHOICES |= {"settled": "never", "unsettled": "never", "digest": "never"}
WHY = {"version": "1", "comment": "Because."}


def nothing(_: Scene) -> dict[str, Any]:
    return {}


def first(scene: Scene) -> dict[str, Any]:
    return {"version": "1"}


def why(scene: Scene) -> dict[str, Any]:
    return WHY


def after(happening: Callable[[Scene], object], data: dict[str, Any]) -> Callable[[Scene], dict[str, Any]]:
    def prepare(scene: Scene) -> dict[str, Any]:
        happening(scene)
        return data

    return prepare


def at(state: State, line: LineState) -> Callable[[Scene], object]:
    def put(scene: Scene) -> None:
        scene.trunk_request.lines.update(state=line)
        TrunkRequest.objects.filter(pk=scene.trunk_request.pk).update(state=state, needs_attention=True)

    return put


def half_approved(scene: Scene) -> None:
    TrunkRequest.objects.filter(pk=scene.trunk_request.pk).update(approvals_needed=2)
    scene.trunk_request.refresh_from_db()
    review.approve(scene.trunk_request, actor=scene.people["supervisor"], version=1)


def asked(scene: Scene) -> None:
    stopping.ask_to_start(scene.stop, actor=scene.stop.stopped_by)


def deactivated(scene: Scene) -> None:
    people.deactivate(scene.people["staff"], actor=scene.people["administrator"])


def with_factor(scene: Scene) -> None:
    Authenticator.objects.create(user=scene.people["staff"], type=Authenticator.Type.TOTP, data={})


def started(scene: Scene) -> None:
    asked(scene)
    stopping.confirm_start(scene.stop, actor=scene.people["supervisor"])


def content(dnis: str) -> Callable[[Scene], dict[str, Any]]:
    return lambda scene: {
        "version": "1",
        "master": scene.estate.master.pk,
        "sub_account": scene.estate.sub.pk,
        "kind": "assign",
        "reason": "They grow.",
        "ticket": "",
        "lines-0-trunk": scene.estate.trunk.pk,
        "lines-0-dnis": dnis,
        "lines-0-outbound_caller_id": "",
    }


def table(scene: Scene) -> dict[str, Any]:
    """Return what is posted to file a table that was looked at."""
    text = "sub_account,dnis\nadatum-account-id,18888777\n"
    rows = tables.read(text, importing.COLUMNS, needed=importing.NEEDED, most=1)
    common = importing.Common(scene.estate.master, "They grow.", "")
    plan = importing.plan(rows, common, actor=scene.people["staff"])
    return {"master": scene.estate.master.pk, "table": text, "reason": "They grow.", "checked": plan.digest}


def writing(rest: str) -> Callable[[Scene], str]:
    return lambda scene: f"/writing/{scene.stop.pk}/{rest}"


def view(scene: Scene) -> SavedView:
    manager = scene.people["manager"]
    return oversight.keep_view(actor=manager, name="Failed", query="outcome=failed", shared=False)


def last_month(scene: Scene) -> None:
    """Let all that is on record have happened, and the request have ended, in October."""
    review.deny(scene.trunk_request, actor=scene.people["supervisor"], version=1, comment="No.")
    with trail.unguarded():
        AuditEvent.objects.update(at=datetime(2026, 10, 5, 9, tzinfo=UTC))


def item(scene: Scene) -> SampledItem:
    """Return the request as it was drawn; what else was drawn is taken out, so that one mark is all."""
    if not MonthReview.objects.exists():
        last_month(scene)
        drawn = monthly.draw(OCTOBER, actor=scene.people["manager"])
        drawn.items.exclude(trunk_request=scene.trunk_request).delete()
    return SampledItem.objects.get(trunk_request=scene.trunk_request)


def marked(scene: Scene) -> dict[str, Any]:
    monthly.mark(item(scene), actor=scene.people["manager"], as_=Mark.IN_ORDER)
    return {}


OCTOBER = "2026-10"
HOOK: dict[str, Any] = {"name": "Tickets", "url": "https://hooks.example.org/", "topics": ["asked"]}


def file(scene: Scene) -> PreparedFile:
    return preparing.ask("csv", Filters(), actor=scene.people["manager"], asked="")


def of_all(scene: Scene) -> User:
    """Return the administrator anew, who remembers the roles of before."""
    return User.objects.get(pk=scene.people["administrator"].pk)


def hook(rest: str, *, is_active: bool = True) -> Callable[[Scene], str]:
    def address(scene: Scene) -> str:
        added = webhooks.add(**HOOK, actor=of_all(scene))
        Webhook.objects.update(is_active=is_active)
        return f"/webhooks/{added.pk}/{rest}"

    return address


def delivery(scene: Scene) -> str:
    made = webhooks.send_test(webhooks.add(**HOOK, actor=of_all(scene)), actor=of_all(scene))
    Delivery.objects.update(sending=Sending.FAILED)
    return f"/webhooks/deliveries/{made.pk}/again/"


def delegation(scene: Scene) -> dict[str, Any]:
    to, day = scene.people["colleague"].pk, timezone.now().date()
    return {"receiver": to, "masters": ["all"], "begins_on": day, "ends_on": day, "reason": "Holiday"}


R = "requests/<reference:reference>/"
P = "people/<int:pk>/"


def lost(scene: Scene) -> None:
    at(State.FAILED, LineState.REFUSED)(scene)
    scene.trunk_request.lines.update(without_trunk=True)


def without_others(scene: Scene) -> None:
    at(State.DONE, LineState.ASSIGNED)(scene)
    TrunkRequest.objects.filter(pk=scene.trunk_request.pk).update(sent_at=clock.now())
    facts = {displaced.GONE: ["18888100"]}
    occasions.note_once(Topic.LOST, scene.trunk_request, "lost:of-a-test", facts)


UNCLEAR = at(State.UNCONFIRMED, LineState.UNKNOWN)
RECIPES: dict[str, Recipe] = {
    "requests/new/": ("staff", "/requests/new/", content("18888777")),
    "requests/import/": ("staff", "/requests/import/", table),
    f"{R}amend/": ("staff", one("amend/"), content("18888778")),
    f"{R}approve/": ("supervisor", one("approve/"), first),
    f"{R}take-back/": ("supervisor", one("take-back/"), after(half_approved, {"version": "2"})),
    f"{R}deny/": ("supervisor", one("deny/"), why),
    f"{R}send-back/": ("supervisor", one("send-back/"), why),
    f"{R}withdraw/": ("staff", one("withdraw/"), first),
    f"{R}retry/": ("staff", one("retry/"), after(at(State.FAILED, LineState.REFUSED), {"version": "1"})),
    f"{R}check/": ("staff", one("check/"), after(UNCLEAR, {"version": "1"})),
    f"{R}give-up/": ("supervisor", one("give-up/"), after(UNCLEAR, WHY)),
    f"{R}end-alarm/": ("supervisor", one("end-alarm/"), after(lost, WHY)),
    f"{R}end-displaced/": ("supervisor", one("end-displaced/"), after(without_others, WHY)),
    "approvals/together/": (
        "supervisor",
        "/approvals/together/",
        lambda s: {"chosen": f"{s.trunk_request.reference}.1.{s.trunk_request.base_digest}"},
    ),
    "writing/stop/": ("supervisor", "/writing/stop/", after(started, {"reason": "Look first."})),
    "writing/<int:pk>/ask/": ("supervisor", writing("ask/"), nothing),
    "writing/<int:pk>/confirm/": ("supervisor", writing("confirm/"), after(asked, {})),
    "writing/<int:pk>/decline/": ("supervisor", writing("decline/"), after(asked, {"reason": "Not yet."})),
    "delegations/": ("supervisor", "/delegations/", delegation),
    "delegations/<int:pk>/end/": ("supervisor", lambda s: f"/delegations/{s.delegation.pk}/end/", nothing),
    "masters/<int:pk>/policy/": (
        "administrator",
        lambda s: f"/masters/{s.estate.master.pk}/policy/",
        lambda s: {"version": "0", "approvals": "2", "days": ["1"]},
    ),
    "masters/<int:pk>/sync/": ("administrator", lambda s: f"/masters/{s.estate.master.pk}/sync/", nothing),
    "audit/views/": ("manager", "/audit/views/", lambda s: {"name": "Failed", "query": "outcome=failed"}),
    "audit/views/<int:pk>/remove/": ("manager", lambda s: f"/audit/views/{view(s).pk}/remove/", nothing),
    "audit/files/ask/": ("manager", "/audit/files/ask/", lambda s: {"format": "csv"}),
    "audit/files/<int:pk>/remove/": ("manager", lambda s: f"/audit/files/{file(s).pk}/remove/", nothing),
    "audit/verification/now/": ("administrator", "/audit/verification/now/", nothing),
    "audit/review/draw/": ("manager", "/audit/review/draw/", after(last_month, {"month": OCTOBER})),
    "audit/review/items/<int:pk>/mark/": (
        "manager",
        lambda s: f"/audit/review/items/{item(s).pk}/mark/",
        lambda s: {f"item-{item(s).pk}-mark": "in_order"},
    ),
    "audit/review/<str:month>/sign-off/": (
        "manager",
        f"/audit/review/{OCTOBER}/sign-off/",
        marked,
    ),
    "notices/": ("staff", "/notices/", lambda s: CHOICES),
    "notices/<int:pk>/again/": ("administrator", lambda s: f"/notices/{s.notice.pk}/again/", nothing),
    "people/invite/": (
        "administrator",
        "/people/invite/",
        lambda s: {"email": "new@example.com", "roles": ["staff"], "masters": [s.estate.master.pk]},
    ),
    "people/invitations/<int:pk>/renew/": ("administrator", invitation("renew/"), nothing),
    "people/invitations/<int:pk>/withdraw/": ("administrator", invitation("withdraw/"), nothing),
    "webhooks/": ("administrator", "/webhooks/", lambda s: HOOK),
    "webhooks/<int:pk>/test/": ("administrator", hook("test/"), nothing),
    "webhooks/<int:pk>/off/": ("administrator", hook("off/"), nothing),
    "webhooks/<int:pk>/on/": ("administrator", hook("on/", is_active=False), nothing),
    "webhooks/<int:pk>/secret/": ("administrator", hook("secret/"), nothing),
    "webhooks/deliveries/<int:pk>/again/": ("administrator", delivery, nothing),
    f"{P}grant/": (
        "administrator",
        staff_member("grant/"),
        lambda s: {"role": "manager", "masters": [s.estate.master.pk]},
    ),
    f"{P}grants/<int:grant_pk>/revoke/": ("administrator", revocation, nothing),
    f"{P}deactivate/": ("administrator", staff_member("deactivate/"), nothing),
    f"{P}reactivate/": ("administrator", staff_member("reactivate/"), after(deactivated, {})),
    f"{P}end-sessions/": ("administrator", staff_member("end-sessions/"), nothing),
    f"{P}reset-factors/": ("administrator", staff_member("reset-factors/"), after(with_factor, {})),
}


@pytest.fixture
def scene(db: None) -> Scene:
    """Return the scene, where what takes a role for all master accounts can be done as well."""
    scene = stage.make()
    three = [scene.people[name] for name in ("supervisor", "manager", "administrator")]
    RoleGrant.objects.filter(user__in=three).update(master=None)
    return scene


def test_every_address_that_takes_a_form_has_its_recipe() -> None:
    assert RECIPES.keys() | CHANGES_NOTHING | ELSEWHERE == POSTS


@pytest.mark.parametrize("pattern", sorted(RECIPES))
def test_what_is_done_on_a_page_leaves_an_event_of_whoever_did_it(pattern: str, scene: Scene) -> None:
    who, path, prepare = RECIPES[pattern]
    data = prepare(scene)
    address = path if isinstance(path, str) else path(scene)
    before = AuditEvent.objects.count()
    answer = scene.clients[who].post(address, data)
    assert answer.status_code in (200, 302), answer.content.decode()[-2000:]
    events = AuditEvent.objects.order_by("id")[before:]
    assert scene.people[who] in [event.actor for event in events]
    assert {event.outcome for event in events} <= {"done", "unknown"}
    kinds = {event.object_type for event in events}
    assert kinds <= dict(OBJECTS).keys() & KINDS.keys()


def test_a_form_that_somebody_may_not_send_leaves_an_event_of_theirs(db: None) -> None:
    """Of whoever is told no (403), at every address; nothing is done, so that one scene does for all."""
    scene = stage.make()
    silent = []
    for pattern in sorted(POSTS):
        row = ROWS[pattern]
        for who in (who for who, status in row.expected("POST").items() if status == 403):
            cache.clear()
            before = AuditEvent.objects.count()
            assert scene.clients[who].post(row.address(scene), {}).status_code == 403
            told = [(event.actor, event.outcome) for event in AuditEvent.objects.order_by("id")[before:]]
            silent += [] if told == [(scene.people[who], "refused")] else [(pattern, who)]
    assert silent == []


def test_drawing_a_form_again_changes_nothing(scene: Scene) -> None:
    before = AuditEvent.objects.count()
    assert scene.clients["staff"].post("/requests/new/form/", content("18888777")(scene)).status_code == 200
    assert (AuditEvent.objects.count(), User.objects.count()) == (before, len(scene.people) + 1)
