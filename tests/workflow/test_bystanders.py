"""Trunks that a request did not mean to touch and that are gone afterwards: told to people, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.db.models import F
from django.test import Client
from django.urls import reverse

from tests.outbox import deliver, silence, standing
from tests.workflow import test_removing
from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import ONE, TRUNKS, to_change, to_unassign
from tests.workflow.timing import let_pass, states
from trunks import audit
from trunks.actions import Action
from trunks.models import Attempt, ListedTrunk, Occasion, Permit, SubAccount, Topic, TrunkRequest, User, clock
from trunks.workflow import provisioning, reconcile
from trunks.workflow.displaced import GONE
from trunks.workflow.provisioning import provision

pytestmark = pytest.mark.sqlite
dnis = test_removing.dnis
HOUR = timedelta(hours=1)


def hour_passes(trunk_request: TrunkRequest) -> None:
    """Let an hour go by for all requests, and for what is known of Zoom's lists."""
    for one in TrunkRequest.objects.all():
        let_pass(one)
    trunk_request.refresh_from_db()
    Attempt.objects.update(started_at=F("started_at") - HOUR)
    Permit.objects.update(issued_at=F("issued_at") - HOUR)
    Occasion.objects.update(at=F("at") - HOUR)
    SubAccount.objects.update(trunks_read_at=F("trunks_read_at") - HOUR)
    ListedTrunk.objects.update(
        first_seen_at=F("first_seen_at") - HOUR,
        last_seen_at=F("last_seen_at") - HOUR,
        gone_at=F("gone_at") - HOUR,
    )


def look_again(trunk_request: TrunkRequest) -> None:
    hour_passes(trunk_request)
    reconcile.settle(trunk_request.pk)


def told_of(trunk_request: TrunkRequest) -> list[list[str]]:
    """Return the DNIS of each event that tells of trunks that are gone."""
    events = audit.history(trunk_request).filter(action=Action.PROVISIONING_DISPLACED)
    return [event.after[GONE] for event in events]


@pytest.fixture
def other(zoom: Zoom) -> str:
    """Return a DNIS that the sub account has, assigned in Zoom's console."""
    number = zoom.trunk.prefix + "100"
    zoom.in_console(number, "")
    return number


@pytest.fixture
def asked(zoom: Zoom, staff: User, supervisor: User, other: str) -> TrunkRequest:
    return zoom.approved(staff, supervisor, zoom.trunk.prefix + "771")


@pytest.mark.parametrize("answer", ["clear", "lost"])
def test_what_an_assignment_replaces_is_told_when_two_lists_lack_it(
    zoom: Zoom, supervisor: User, second_supervisor: User, other: str, asked: TrunkRequest, answer: str
) -> None:
    zoom.sandbox.switch("second_assignment", "replace")
    if answer == "lost":
        zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    provision(asked.pk)
    assert states(asked) == ("unconfirmed", ["unknown" if answer == "lost" else "assigned"])
    assert (other in asked.waiting_for) is (answer == "clear")
    look_again(asked)
    assert states(asked) == ("unconfirmed", ["assigned"])
    assert told_of(asked) == [], "one list may be an old one"
    silence()
    look_again(asked)
    assert states(asked) == ("done", ["assigned"])
    assert told_of(asked) == [[other]]
    assert len(zoom.sandbox.calls_of("POST", TRUNKS)) == 1
    deliver()
    assert sorted(who for who, how in standing() if how == "sent") == [
        "Sam Supervisor",
        "Stella Staff",
        "Sue Supervisor",
    ]
    [letter] = {m.subject: m for m in mail.outbox if "are gone" in m.subject}.values()
    assert letter.subject == f"{asked}: other trunks of {asked.sub_account} are gone"
    assert f"DNIS {other} is gone" in letter.body
    assert "The portal sends nothing" in " ".join(letter.body.split())


def test_its_own_page_says_so_until_zoom_lists_it_again(
    zoom: Zoom, client: Client, supervisor: User, other: str, asked: TrunkRequest
) -> None:
    zoom.sandbox.switch("second_assignment", "replace")
    provision(asked.pk)
    client.force_login(supervisor)
    page = reverse("request_detail", args=[asked.pk])
    assert 'id="displaced"' not in client.get(page).content.decode()
    look_again(asked)
    look_again(asked)
    content = client.get(page).content.decode()
    assert 'id="displaced"' in content
    assert "found other trunks of the sub account gone" in content
    ListedTrunk.objects.filter(dnis=other).update(gone_at=None)
    assert 'id="displaced"' not in client.get(page).content.decode()


def test_the_home_page_of_supervisors_says_so_as_long(
    zoom: Zoom, client: Client, supervisor: User, staff: User, other: str, asked: TrunkRequest
) -> None:
    def home(person: User) -> str:
        client.force_login(person)
        return client.get("/").content.decode()

    zoom.sandbox.switch("second_assignment", "replace")
    provision(asked.pk)
    assert "displaced-title" not in home(supervisor)
    look_again(asked)
    look_again(asked)
    shown = home(supervisor).split('id="displaced-title"')[1].split("</section>")[0]
    assert f">{asked.reference}</a>: {asked.sub_account}, " in shown
    assert other in shown
    assert "displaced-title" not in home(staff)
    Occasion.objects.filter(facts__has_key=GONE).update(facts={GONE: [f"18888{n}" for n in range(112, 124)]})
    assert "and 2 more not in Zoom's list" in " ".join(home(supervisor).split())
    Occasion.objects.filter(facts__has_key=GONE).update(facts={GONE: [other]})
    SubAccount.objects.update(gone_at=clock.now())
    assert "displaced-title" not in home(supervisor), "who has left misses nothing"
    SubAccount.objects.update(gone_at=None)
    assert "displaced-title" in home(supervisor)
    Occasion.objects.update(at=F("at") - timedelta(days=90))
    assert "displaced-title" not in home(supervisor), "nothing else would ever end it"
    Occasion.objects.update(at=F("at") + timedelta(days=90))
    assert "displaced-title" in home(supervisor)
    ListedTrunk.objects.filter(dnis=other).update(gone_at=None)
    assert "displaced-title" not in home(supervisor)


def test_it_is_found_among_many_events(
    zoom: Zoom, client: Client, supervisor: User, other: str, asked: TrunkRequest
) -> None:
    zoom.sandbox.switch("second_assignment", "replace")
    provision(asked.pk)
    look_again(asked)
    look_again(asked)
    for _ in range(120):
        with audit.change():
            audit.record(Action.REQUEST_CHECKED, actor=supervisor, on=asked)
    client.force_login(supervisor)
    assert 'id="displaced"' in client.get(reverse("request_detail", args=[asked.pk])).content.decode()


def test_a_removal_that_takes_others_away_tells_of_them(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = to_unassign(zoom, staff, supervisor, dnis)
    where = "trunks.zoom.client.ZoomClient.unassign_trunk"
    zoom.before(monkeypatch, where, lambda: zoom.in_console(other, None))
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unassigned"])
    look_again(trunk_request)
    look_again(trunk_request)
    assert states(trunk_request) == ("done", ["unassigned"])
    assert told_of(trunk_request) == [[other]]


@pytest.mark.parametrize("fault", ["none", "429", "drop"])
def test_a_change_whose_removal_takes_others_away_goes_on_at_once_and_tells_in_the_end(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    dnis: str,
    other: str,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    trunk_request = to_change(zoom, staff, supervisor, dnis, zoom.trunk.prefix + "778")
    where = "trunks.zoom.client.ZoomClient.unassign_trunk"
    zoom.before(monkeypatch, where, lambda: zoom.in_console(other, None))
    if fault == "429":
        zoom.sandbox.fault("429", method="POST", path=TRUNKS)
    if fault == "drop":
        zoom.sandbox.fault("drop", method="DELETE", path=ONE, apply="before")
    provision(trunk_request.pk)
    if fault == "drop":
        look_again(trunk_request)
        look_again(trunk_request)
        assert states(trunk_request) == ("approved", ["not_sent"]), "it does not wait for the others"
    if fault != "none":
        hour_passes(trunk_request)
        provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["assigned"])
    look_again(trunk_request)
    look_again(trunk_request)
    assert states(trunk_request) == ("done", ["assigned"])
    assert told_of(trunk_request) == [[other]]


def by_parts(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    monkeypatch: pytest.MonkeyPatch,
    happening: Callable[[], object],
) -> TrunkRequest:
    """Return a request of which one of two lines was sent, and `happening` was right before that."""
    trunk_request = zoom.approved(staff, supervisor, *(zoom.trunk.prefix + end for end in ("771", "772")))
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(one_by_one=True)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="before")
    zoom.before_post(monkeypatch, happening)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("unconfirmed", ["unknown", "not_sent"])
    return trunk_request


def test_it_is_told_once_although_other_lines_follow(
    zoom: Zoom, staff: User, supervisor: User, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = by_parts(zoom, staff, supervisor, monkeypatch, lambda: zoom.in_console(other, None))
    look_again(trunk_request)
    look_again(trunk_request)
    assert told_of(trunk_request) == [[other]]
    assert states(trunk_request) == ("approved", ["assigned", "not_sent"])
    hour_passes(trunk_request)
    provision(trunk_request.pk)
    assert states(trunk_request) == ("done", ["assigned", "assigned"])
    assert told_of(trunk_request) == [[other]]
    assert Occasion.objects.filter(topic=Topic.LOST).count() == 1


def test_what_was_told_of_in_an_earlier_run_is_told_of_again_when_a_retry_takes_it_away_again(
    zoom: Zoom, staff: User, supervisor: User, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = zoom.approved(staff, supervisor, *(zoom.trunk.prefix + end for end in ("771", "772")))
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(one_by_one=True)
    zoom.sandbox.fault("html", method="POST", path=TRUNKS, status=400, apply="never", skip=1)
    zoom.before_post(monkeypatch, lambda: zoom.in_console(other, None))
    provision(trunk_request.pk)
    look_again(trunk_request)
    look_again(trunk_request)
    assert states(trunk_request) == ("partial", ["assigned", "refused"])
    zoom.in_console(other, "")
    hour_passes(trunk_request)
    provisioning.retry(trunk_request, actor=staff, version=trunk_request.version)
    zoom.before_post(monkeypatch, lambda: zoom.in_console(other, None))
    provision(trunk_request.pk)
    look_again(trunk_request)
    look_again(trunk_request)
    assert states(trunk_request) == ("done", ["assigned", "assigned"])
    assert told_of(trunk_request) == [[other], [other]]
