"""The page of the kill switch, and the banner on every page."""

import pytest
from django.test import Client

from tests import cast
from tests.conftest import SignedIn
from trunks.models import Heartbeat, Role, TrunkRequest, User, WriteStop, clock
from trunks.workflow import circuits, stopping
from trunks.zoom import errors

REASON = "Wrong <b>trunks</b> are being assigned"


@pytest.fixture
def stop(supervisor: User) -> WriteStop:
    return stopping.stop(actor=supervisor, reason=REASON)


def page(client: Client, address: str = "/writing/") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_a_supervisor_stops_writing_with_a_reason(signed_in: SignedIn, supervisor: User) -> None:
    client = signed_in(supervisor)
    assert 'data-writing="allowed"' in page(client)
    response = client.post("/writing/stop/", {"reason": REASON}, follow=True)
    assert response.redirect_chain == [("/writing/", 302)]
    content = response.content.decode()
    assert 'data-writing="stopped"' in content
    assert "Wrong &lt;b&gt;trunks&lt;/b&gt;" in content
    assert "Nobody has stopped writing" not in content
    assert WriteStop.objects.get().stopped_by == supervisor


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_without_a_usable_reason_nothing_is_stopped(
    signed_in: SignedIn, supervisor: User, reason: str
) -> None:
    response = signed_in(supervisor).post("/writing/stop/", {"reason": reason})
    assert response.status_code == 422
    content = response.content.decode()
    assert "<title>Error: " in content
    assert "There is a problem" in content
    assert reason.strip() in content
    assert not WriteStop.objects.exists()


def test_staff_are_refused_and_told_who_could(signed_in: SignedIn, staff: User) -> None:
    client = signed_in(staff)
    assert stopping.ONLY_SUPERVISORS in page(client)
    response = client.post("/writing/stop/", {"reason": REASON})
    assert response.status_code == 403
    assert "a supervisor" in response.content.decode()
    assert not WriteStop.objects.exists()


@pytest.mark.parametrize("address", ["stop/", "1/ask/", "1/confirm/", "1/decline/"])
def test_nothing_is_stopped_or_started_by_looking(
    signed_in: SignedIn, supervisor: User, address: str
) -> None:
    assert signed_in(supervisor).get(f"/writing/{address}").status_code == 405
    assert signed_in(supervisor).post("/writing/").status_code == 405


@pytest.mark.parametrize("address", ["1/ask/", "1/confirm/", "1/decline/"])
def test_a_stop_that_never_was_is_not_found(signed_in: SignedIn, supervisor: User, address: str) -> None:
    assert signed_in(supervisor).post(f"/writing/{address}").status_code == 404


def test_two_supervisors_start_again(
    signed_in: SignedIn, supervisor: User, second_supervisor: User, stop: WriteStop
) -> None:
    first, second = signed_in(supervisor), signed_in(second_supervisor)
    assert first.post(f"/writing/{stop.pk}/ask/").status_code == 302
    assert stopping.NOT_TWICE in page(first)
    assert "<strong>Who could:</strong> Sue Supervisor." in page(first)
    refused = first.post(f"/writing/{stop.pk}/confirm/")
    assert refused.status_code == 403
    assert "another supervisor confirms it" in refused.content.decode()
    assert f"/writing/{stop.pk}/confirm/" in page(second)
    response = second.post(f"/writing/{stop.pk}/confirm/", follow=True)
    content = response.content.decode()
    assert 'data-writing="allowed"' in content
    assert "Sue Supervisor" in content.split("Earlier stops")[-1]
    assert WriteStop.current() is None


def test_who_stopped_sees_why_they_cannot_confirm_and_is_refused_in_the_same_words(
    signed_in: SignedIn, supervisor: User, second_supervisor: User, stop: WriteStop
) -> None:
    first, second = signed_in(supervisor), signed_in(second_supervisor)
    assert "Let Sam Supervisor ask; then you can confirm." in page(second)
    assert second.post(f"/writing/{stop.pk}/ask/").status_code == 302
    content = page(first)
    assert stopping.NOT_ONES_OWN in content
    assert f"/writing/{stop.pk}/confirm/" not in content
    refused = first.post(f"/writing/{stop.pk}/confirm/")
    assert refused.status_code == 403
    assert stopping.NOT_ONES_OWN in refused.content.decode()
    assert WriteStop.current() == stop


def test_everybody_else_reads_why_they_cannot_start_it(
    signed_in: SignedIn, staff: User, second_supervisor: User, stop: WriteStop
) -> None:
    content = page(signed_in(staff))
    assert stopping.ONLY_SUPERVISORS in content
    assert "<strong>Who could:</strong> Sam Supervisor, Sue Supervisor." in content


def test_the_banner_leads_to_the_page_from_every_other_one(
    signed_in: SignedIn, staff: User, stop: WriteStop
) -> None:
    client = signed_in(staff)
    assert 'id="writing-link" href="/writing/"' in page(client, "/")
    assert "writing-link" not in page(client)


def test_who_knows_of_one_master_account_is_told_of_its_supervisors_alone(
    signed_in: SignedIn, estate: cast.Estate, supervisor: User, stop: WriteStop
) -> None:
    cast.person("Ann Elsewhere", Role.SUPERVISOR, master=estate.foreign_master)
    clerk = cast.person("Cleo Clerk", Role.STAFF, master=estate.master)
    assert "<strong>Who could:</strong> Sam Supervisor." in page(signed_in(clerk))


def test_a_supervisor_keeps_it_stopped_with_a_reason(
    signed_in: SignedIn, supervisor: User, second_supervisor: User, stop: WriteStop
) -> None:
    stopping.ask_to_start(stop, actor=supervisor)
    client = signed_in(second_supervisor)
    assert client.post(f"/writing/{stop.pk}/decline/", {"reason": ""}).status_code == 422
    assert client.post(f"/writing/{stop.pk}/decline/", {"reason": "Not yet"}).status_code == 302
    assert WriteStop.objects.get().start_asked_by is None


def test_who_comes_too_late_is_told(
    signed_in: SignedIn, supervisor: User, second_supervisor: User, stop: WriteStop
) -> None:
    response = signed_in(second_supervisor).post("/writing/stop/", {"reason": "me too"})
    assert response.status_code == 409
    assert "stopped by Sam Supervisor" in response.content.decode()
    assert 'href="/writing/">Go to Writing to Zoom</a>' in response.content.decode()


@pytest.mark.parametrize("who", ["staff", "supervisor", "manager", "administrator", "stranger"])
def test_the_banner_says_who_and_why_to_everybody_on_every_page(
    signed_in: SignedIn, request: pytest.FixtureRequest, stop: WriteStop, who: str
) -> None:
    client = signed_in(request.getfixturevalue(who))
    for address in ("/", "/requests/", "/writing/"):
        content = page(client, address)
        assert "Writing to Zoom is stopped." in content
        assert "Sam Supervisor stopped it" in content
        assert "Wrong &lt;b&gt;trunks" in content
    assert "Writing to Zoom is stopped." in client.get("/nowhere/").content.decode()


def test_the_home_page_leads_supervisors_there(signed_in: SignedIn, supervisor: User, staff: User) -> None:
    assert "Stop writing to Zoom" in page(signed_in(supervisor), "/")
    assert "Stop writing to Zoom" not in page(signed_in(staff), "/")


def test_approving_stays_possible_and_the_page_says_that_nothing_is_sent(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest, stop: WriteStop
) -> None:
    client = signed_in(supervisor)
    address = f"/requests/{trunk_request.reference}/"
    assert "you can decide, and nothing is sent" in page(client, address)
    assert client.post(f"{address}approve/", {"version": trunk_request.version}).status_code == 302
    content = page(client, address)
    assert 'data-state="approved"' in content
    assert (
        "Nothing is sent until two supervisors start writing again. Writing to Zoom was stopped by" in content
    )
    assert "A worker takes it up next" not in content


def test_a_zoom_that_does_not_answer_is_on_every_page_of_those_it_concerns(
    signed_in: SignedIn,
    staff: User,
    other_staff: User,
    supervisor: User,
    estate: cast.Estate,
    trunk_request: TrunkRequest,
) -> None:
    for _ in range(circuits.FAILURES):
        circuits.note(estate.master, errors.ServerError("Down for <i>maintenance</i>", status=503))
    content = page(signed_in(staff), "/")
    assert "Zoom does not answer for Northwind" in content
    assert "Down for &lt;i&gt;maintenance" in content
    assert "Zoom does not answer" not in page(signed_in(other_staff), "/")
    cast.approved(trunk_request, supervisor)
    Heartbeat.objects.create(name=Heartbeat.WORKER, at=clock.now())
    on_page = page(signed_in(staff), f"/requests/{trunk_request.reference}/")
    assert "Zoom does not answer for this master account; the request goes on by itself" in on_page


def test_the_page_names_the_changes_that_the_stop_has_caught_half_done(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest, stop: WriteStop
) -> None:
    client = signed_in(supervisor)
    TrunkRequest.objects.update(kind="change", state="approved")
    trunk_request.lines.update(phase="remove")
    assert 'id="halfway"' not in page(client)
    trunk_request.lines.update(phase="assign")
    caught = page(client).split('id="halfway"')[1]
    assert trunk_request.reference in caught
    trunk_request.lines.update(state="assigned")
    assert 'id="halfway"' not in page(client)


def test_the_page_counts_what_waits_of_ones_own_master_accounts_alone(
    signed_in: SignedIn, supervisor: User, other_staff: User, trunk_request: TrunkRequest, stop: WriteStop
) -> None:
    cast.approved(trunk_request, supervisor)
    assert "1 approved request waits" in page(signed_in(supervisor))
    assert "0 approved requests wait" in page(signed_in(other_staff))
