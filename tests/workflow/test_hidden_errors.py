"""An answer whose status says yes and whose body holds an error that nobody knows, or that no API has written."""

from __future__ import annotations

from typing import Any

import pytest
from requests import PreparedRequest

from tests.workflow.conftest import Zoom
from tests.workflow.test_removing import NEW, TRUNKS, at_zoom, settle_in_time, to_change, to_unassign
from tests.workflow.timing import let_pass, states
from trunks.models import TrunkRequest, UnknownError, User, ZoomCall
from trunks.workflow import provisioning, words
from trunks.workflow.provisioning import provision
from trunks.workflow.reconcile import MOST_SENDS, settle
from trunks.zoom.wire import Answer, Wire

pytestmark = pytest.mark.sqlite
ERROR = '{"code": 5000, "message": "Internal service error"}'
HIDDEN = Answer(200, {}, ERROR)
# A proxy in between, which wants to be asked something first.
PROXYS = Answer(403, {"Content-Type": "text/html"}, "<h1>Access denied</h1>")
SAID = "“Internal service error”, HTTP 200, code 5000"


@pytest.fixture
def dnis(zoom: Zoom) -> str:
    return f"{zoom.trunk.prefix}777"


def hide(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    *,
    done: bool = True,
    times: int = 1,
    answer: Answer = HIDDEN,
) -> list[str]:
    """Answer calls of `method` so, carried out or not; the first list after that is as old as the last before.

    Return the methods of the calls that were answered so.
    """
    real, odd, before = Wire.send, list[str](), dict[str, Answer]()

    def send(wire: Wire, request: PreparedRequest, *args: Any, **options: Any) -> Answer:
        if request.method == method and "/sip_trunk/" in str(request.url) and len(odd) < times:
            odd.append(method)
            if done:
                real(wire, request, *args, **options)
            return answer
        if request.method != "GET":
            return real(wire, request, *args, **options)
        if odd and (old := before.pop(str(request.url), None)):
            return old
        honest = real(wire, request, *args, **options)
        if not odd:
            before[str(request.url)] = honest
        return honest

    monkeypatch.setattr(Wire, "send", send)
    return odd


def in_the_end(filed: TrunkRequest) -> None:
    """Have time pass, and the portal do what is due, until the request has ended."""
    for _ in range(12):
        if not filed.is_open:
            return
        let_pass(filed)
        (settle if filed.state == "unconfirmed" else provision)(filed.pk)
        filed.refresh_from_db()


def test_an_assignment_that_happened_all_the_same_is_not_called_refused(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = zoom.approved(staff, supervisor, dnis)
    hide(monkeypatch, "POST")
    provision(filed.pk)
    assert states(filed) == ("unconfirmed", ["unknown"])
    assert SAID in filed.waiting_for
    in_the_end(filed)
    assert states(filed) == ("done", ["assigned"])
    assert zoom.assigned() == {dnis: 1}


def test_a_removal_that_happened_all_the_same_is_not_called_refused(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    provision(zoom.approved(staff, supervisor, dnis).pk)
    removal = to_unassign(zoom, staff, supervisor, dnis)
    hide(monkeypatch, "DELETE")
    in_the_end(removal)
    assert states(removal) == ("done", ["unassigned"])


def test_a_change_whose_removal_happened_all_the_same_goes_on(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    provision(zoom.approved(staff, supervisor, dnis).pk)
    moved = f"{zoom.trunk.prefix}778"
    change = to_change(zoom, staff, supervisor, dnis, moved)
    hide(monkeypatch, "DELETE")
    in_the_end(change)
    assert states(change) == ("done", ["assigned"])
    assert at_zoom(zoom) == {moved: NEW}


def test_what_did_not_happen_is_sent_again_as_after_any_unclear_answer_and_ends_with_zooms_words(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = zoom.approved(staff, supervisor, dnis)
    odd = hide(monkeypatch, "POST", done=False, times=99)
    in_the_end(filed)
    assert states(filed) == ("failed", ["refused"])
    assert len(odd) == MOST_SENDS
    assert SAID in filed.lines.get().detail
    assert UnknownError.objects.get().count == MOST_SENDS
    assert zoom.assigned() == {}


def test_several_lines_then_go_one_by_one(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [f"{dnis[:-1]}{end}" for end in range(3)]
    filed = zoom.approved(staff, supervisor, *numbers)
    hide(monkeypatch, "POST", done=False)
    in_the_end(filed)
    assert states(filed) == ("done", ["assigned"] * 3)
    assert zoom.assigned() == dict.fromkeys(numbers, 1)
    posts = ZoomCall.objects.filter(attempt__trunk_request=filed, method="POST").order_by("pk")
    assert [len((call.sent or {})["sip_trunks"]) for call in posts] == [3, 1, 1, 1]


ANSWERS = pytest.mark.parametrize(("answer", "said"), [(HIDDEN, SAID), (PROXYS, "“Access denied”, HTTP 403")])


@ANSWERS
def test_a_list_is_read_again(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    dnis: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    said: str,
) -> None:
    filed = zoom.approved(staff, supervisor, dnis)
    hide(monkeypatch, "GET", times=2, answer=answer)
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    assert said in filed.waiting_for
    in_the_end(filed)
    assert states(filed) == ("done", ["assigned"])


@ANSWERS
def test_a_list_that_is_answered_so_time_and_again_is_refused(
    zoom: Zoom,
    staff: User,
    supervisor: User,
    dnis: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    said: str,
) -> None:
    filed = zoom.approved(staff, supervisor, dnis)
    odd = hide(monkeypatch, "GET", times=99, answer=answer)
    in_the_end(filed)
    assert states(filed) == ("failed", ["refused"])
    assert len(odd) == provisioning.UNCLEAR_TRIES + 1
    assert said in filed.lines.get().detail
    call = ZoomCall.objects.filter(attempt__trunk_request=filed).first()
    decoded = words.decode(call) if call else None
    assert decoded is not None
    assert decoded.explanation == words.UNCLEAR


def test_the_trouble_of_reading_what_was_sent_does_not_count_against_the_next_list(
    zoom: Zoom, staff: User, supervisor: User, dnis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = zoom.approved(staff, supervisor, dnis)
    zoom.sandbox.fault("drop", method="POST", path=TRUNKS, apply="never")
    provision(filed.pk)
    TrunkRequest.objects.filter(pk=filed.pk).update(
        tries=20
    )  # an hour in which Zoom's list could not be read
    settle_in_time(filed)
    hide(monkeypatch, "GET")
    provision(filed.pk)
    assert states(filed) == ("approved", ["not_sent"])
    let_pass(filed)
    provision(filed.pk)
    assert states(filed) == ("done", ["assigned"])
