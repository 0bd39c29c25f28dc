"""Claims, at the moments that the other tests do not come to."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import transaction
from pytest_django import Settings

from tests import cast
from tests.together import together
from tests.workflow.conftest import Zoom
from tests.workflow.timing import let_pass, states
from trunks import dispatch
from trunks.models import Circuit, State, Step, TrunkRequest, User, clock
from trunks.workflow import claims, preview, settling, sweeping
from trunks.workflow.errors import Stale
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import settle

pytestmark = pytest.mark.sqlite


def test_a_lease_that_grows_short_is_renewed_before_the_next_call(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed: list[float] = []
    real = claims.Claim.renew

    def renew(claim: claims.Claim) -> None:
        real(claim)
        renewed.append(claim.lease_ends)

    monkeypatch.setattr(claims.Claim, "outlives_a_call", lambda claim: bool(renewed))
    monkeypatch.setattr(claims.Claim, "renew", renew)
    provision(filed.pk)
    assert renewed
    assert states(filed) == ("done", ["assigned"])


def test_of_two_readers_of_one_unconfirmed_request_the_second_leaves(
    zoom: Zoom, filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoom.sandbox.fault("drop", method="POST", path="/sip_trunk/trunks$")
    provision(filed.pk)
    let_pass(filed)

    def meanwhile() -> float:
        between.undo()
        assert claims.claim_unconfirmed(filed.pk)
        return time.monotonic()

    with monkeypatch.context() as between:
        between.setattr("trunks.workflow.claims.time.monotonic", meanwhile)
        assert claims.claim_unconfirmed(filed.pk) is None


def test_a_claim_that_somebody_took_back_cannot_end_the_request(filed: TrunkRequest) -> None:
    claim = claims.claim_approved(filed.pk)
    assert claim
    let_pass(filed)
    sweeping.sweep()
    with pytest.raises(claims.Fenced):
        settling.release(claim, "late", wait=0)
    assert states(filed) == ("approved", ["not_sent"])


def test_a_claim_that_ends_while_it_is_being_taken_back_is_left_alone(filed: TrunkRequest) -> None:
    claim = claims.claim_approved(filed.pk)
    assert claim
    let_pass(filed)
    settling.release(claim, "in time", wait=0)
    sweeping.take_back(filed.pk)
    filed.refresh_from_db()
    assert (filed.state, filed.waiting_for) == (State.APPROVED, "in time")


def test_a_request_that_is_withdrawn_in_the_moment_of_the_claim_is_not_claimed(
    filed: TrunkRequest, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(*_: object, **__: object) -> None:
        raise Stale("withdrawn")

    monkeypatch.setattr(claims, "move", too_late)
    assert claims.claim_approved(filed.pk) is None


def test_nor_is_one_whose_customer_got_a_write_that_could_still_land_in_that_moment(
    filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_BUSY", lambda **_: True)
    assert claims.claim_approved(filed.pk) is None
    assert states(filed) == ("approved", ["not_sent"])
    assert TrunkRequest.objects.get(pk=filed.pk).fence == filed.fence


def test_the_sweep_stops_ringing_when_the_broker_is_down(
    filed: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr("trunks.dispatch.ring_now", lambda task, pk: asked.append((task, pk)))
    assert sweeping.sweep() == 0
    assert [pk for task, pk in asked if task == dispatch.PROVISION] == [filed.pk]


def test_nothing_is_waited_for_when_nothing_was_sent() -> None:
    assert TrunkRequest().quiet_left == 0
    assert not TrunkRequest().could_still_land


@pytest.mark.django_db
def test_what_is_left_of_a_span_is_told_by_the_clock_of_the_database() -> None:
    assert (clock.left(None, 60), clock.left(clock.read() - timedelta(seconds=61), 60)) == (0, 0)
    assert 58 < clock.left(clock.read() - timedelta(seconds=1), 60) <= 59


def test_what_zoom_says_now_is_told_for_removals_too(zoom: Zoom, filed: TrunkRequest, staff: User) -> None:
    provision(filed.pk)
    dnis = zoom.trunk.prefix + "777"
    line = filed.lines.get()
    line.phase, line.current_dnis = "remove", dnis
    line.save()
    assert preview.zoom_now(filed).lines == {line.pk: f"{dnis} is at Zoom, no caller ID shown."}
    line.current_dnis = zoom.trunk.prefix + "778"
    line.save()
    assert preview.zoom_now(filed).lines == {
        line.pk: f"{line.current_dnis} is not in this sub account's list any more."
    }


def test_an_abandoned_send_waits_for_the_quiet_period_and_no_longer(
    zoom: Zoom, filed: TrunkRequest, settings: Settings
) -> None:
    zoom.lose_worker(filed, "trunks.workflow.sending._keep_answer")
    assert TrunkRequest.objects.get(pk=filed.pk).step == Step.SENDING
    TrunkRequest.objects.filter(pk=filed.pk).update(lease_until=cast.LONG_AGO)
    sweeping.sweep()
    filed.refresh_from_db()
    assert filed.sent_at
    assert filed.next_attempt_at
    assert 0 < (filed.next_attempt_at - filed.sent_at).total_seconds() <= settings.QUIET_SECONDS + 1
    let_pass(filed)
    settle(filed.pk)
    assert states(filed) == ("done", ["assigned"])


def test_a_worker_stopped_inside_its_intent_is_not_taken_for_one_that_sent_nothing(
    filed: TrunkRequest,
) -> None:
    claim = claims.claim_approved(filed.pk)
    assert claim
    TrunkRequest.objects.filter(pk=filed.pk).update(lease_until=clock.after(1))
    written, over = threading.Event(), threading.Event()

    def intend() -> None:
        with transaction.atomic():
            claim.write(step=Step.SENDING, sent_at=clock.now())
            filed.lines.update(state="unknown", sends=1)
            written.set()
            over.wait(60)
            time.sleep(0.3)  # while the sweep looks, and waits for the row

    def take_back() -> None:
        written.wait(60)
        while not TrunkRequest.objects.filter(pk=filed.pk, lease_until__lt=clock.now()).exists():
            time.sleep(0.02)
        over.set()
        sweeping.sweep()

    assert together(intend, take_back) == [None, None]
    sweeping.sweep()
    assert states(filed) == ("unconfirmed", ["unknown"])


def test_a_claim_that_was_renewed_meanwhile_is_not_taken_back(filed: TrunkRequest) -> None:
    claim = claims.claim_approved(filed.pk)
    assert claim
    claim.renew()
    sweeping.take_back(filed.pk)
    assert states(filed) == ("applying", ["not_sent"])
    claim.hold()


def test_the_time_of_a_claim_is_never_ahead_of_the_databases(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    claim = claimed(zoom, staff, supervisor)
    for _ in range(20):
        shown = claim.glance.present()
        assert shown < clock.read() + timedelta(milliseconds=1)  # SQLite's clock shows no less
        assert clock.read() - shown < timedelta(seconds=1)


@pytest.mark.parametrize(
    "glance",
    [
        {"seen": -2 * claims.FRESH_SECONDS, "asked": -2 * claims.FRESH_SECONDS},
        {"seen": 0.0, "asked": -2 * claims.SHARP_SECONDS},
    ],
)
def test_what_was_seen_long_ago_or_came_slowly_tells_no_time(
    zoom: Zoom, staff: User, supervisor: User, glance: dict[str, float]
) -> None:
    wrong = clock.read() + timedelta(days=1)
    moments = {name: time.monotonic() + ago for name, ago in glance.items()}
    assert claims.Glance(wrong, calm=True, **moments).present() < wrong


@pytest.mark.parametrize(("fresh", "failures"), [(60.0, 1), (0.0, 0)])
def test_a_good_call_is_not_noted_while_it_is_known_to_change_nothing(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    monkeypatch: pytest.MonkeyPatch,
    fresh: float,
    failures: int,
) -> None:
    monkeypatch.setattr(claims, "FRESH_SECONDS", fresh)
    claim = claimed(zoom, staff, supervisor)
    Circuit.objects.create(master=zoom.master, failures=1)  # of a call of somebody else's, since
    with claim.client() as client:
        client.list_trunks(zoom.sub.zoom_id)
    assert Circuit.objects.get().failures == failures


def test_trouble_that_was_there_before_the_claim_ends_with_its_first_good_call(
    zoom: Zoom, staff: User, supervisor: User
) -> None:
    Circuit.objects.create(master=zoom.master, failures=4)
    claim = claimed(zoom, staff, supervisor)
    with claim.client() as client:
        client.list_trunks(zoom.sub.zoom_id)
    assert Circuit.objects.get().failures == 0


def claimed(zoom: Zoom, staff: User, supervisor: User) -> claims.Claim:
    claim = claims.claim_approved(zoom.approved(staff, supervisor, zoom.trunk.prefix + "777").pk)
    assert claim
    return claim
