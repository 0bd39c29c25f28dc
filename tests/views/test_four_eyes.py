"""The report on the rule of four eyes, as its readers see it."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests import cast, trail
from tests.conftest import SignedIn
from trunks.models import Decision, Role, TrunkRequest, User
from trunks.models.audit_event import AuditEvent
from trunks.views.charts import chart
from trunks.workflow import filing, review, stopping
from trunks.workflow.errors import Refused

URL = "/audit/health/"


@pytest.fixture
def client(manager: User, signed_in: SignedIn) -> Client:
    return signed_in(manager)


def attempt_on_own(estate: cast.Estate) -> tuple[TrunkRequest, User]:
    """Return a request whose filer, a supervisor too, was refused to approve it."""
    filer = cast.person("Sol Both", Role.STAFF, Role.SUPERVISOR)
    trunk_request = filing.file(cast.draft(estate.sub, estate.trunk, "18888777"), actor=filer)
    with pytest.raises(Refused):
        review.approve(trunk_request, actor=filer, version=1)
    return trunk_request, filer


def text(client: Client, query: str = "") -> str:
    answer = client.get(URL + query)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.mark.parametrize("role", [Role.STAFF, Role.SUPERVISOR])
def test_others_are_refused(db: None, signed_in: SignedIn, role: Role) -> None:
    assert signed_in(cast.person("Olga Other", role)).get(URL).status_code == 403


def test_nothing_can_be_posted(client: Client) -> None:
    assert client.post(URL).status_code == 405


def test_without_any_request_it_says_so(client: Client) -> None:
    page = text(client)
    assert "Nobody: no two people approve each other's requests" in page
    assert "No decision of the period was that quick." in page
    assert "Nobody stopped or started writing" in page


def test_a_decision_in_an_author_s_browser_and_on_whose_behalf_are_shown(
    client: Client, trunk_request: TrunkRequest, staff: User, supervisor: User, second_staff: User
) -> None:
    assert "No decision of the period was made in a browser" in text(client)
    review.deny(trunk_request, actor=supervisor, version=1, comment="No.")
    Decision.objects.update(same_browser_as=staff, decided_by=second_staff, on_behalf_of=supervisor)
    page = text(client)
    assert f"{trunk_request.reference} Denied by Stan Staff on behalf of Sam Supervisor Stella Staff" in page
    assert "Decided in an author's browser 1 Which ones" in page


def test_an_attempt_to_approve_ones_own_request_is_shown_and_other_refusals_are_not(
    client: Client, estate: cast.Estate, staff: User
) -> None:
    own, filer = attempt_on_own(estate)
    with pytest.raises(Refused):
        review.approve(own, actor=staff, version=1)
    page = client.get(URL).context
    assert [(event.object_label, event.actor) for event in page["own"].rows] == [(own.reference, filer)]
    assert "1 refused" in text(client)


def test_the_links_lead_to_the_events(client: Client, estate: cast.Estate) -> None:
    attempt_on_own(estate)
    page = client.get(f"{URL}?master={estate.master.pk}").context
    listed = client.get(page["own"].url)
    assert [event.action for event in listed.context["page"].rows] == ["request.action_refused"]
    assert f"master={estate.master.pk}" in page["own"].url


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Madrid", "Pacific/Kiritimati"])
def test_the_links_lead_to_the_events_of_the_first_hours_of_a_month_of_utc(
    client: Client, estate: cast.Estate, zone: str
) -> None:
    attempt_on_own(estate)
    begun = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with trail.unguarded():
        AuditEvent.objects.update(at=begun + timedelta(minutes=30))
    client.cookies["tz"] = zone
    page = client.get(f"{URL}?months=1").context
    listed = client.get(page["own"].url).context["page"].rows
    assert [event.pk for event in listed] == [event.pk for event in page["own"].rows] != []


def test_a_quick_decision_a_stop_and_what_waits_are_shown(
    client: Client, trunk_request: TrunkRequest, supervisor: User, second_supervisor: User, staff: User
) -> None:
    review.deny(trunk_request, actor=supervisor, version=1, comment="No.")
    stopping.stop(actor=second_supervisor, reason="Look first.")
    page = client.get(URL).context
    assert [decision.trunk_request for decision in page["quick"]] == [trunk_request]
    assert len(page["stops"]) == 1
    assert [event.action for event in page["glass"].rows] == ["writing.stopped"]
    assert page["pending"] == []


def test_the_limit_of_quick_is_the_readers(
    client: Client, trunk_request: TrunkRequest, supervisor: User
) -> None:
    review.deny(trunk_request, actor=supervisor, version=1, comment="No.")
    filed = timezone.now() - timedelta(seconds=100)
    trunk_request.revisions.update(at=filed)
    assert client.get(URL).context["quick"] == []
    assert len(client.get(f"{URL}?seconds=200").context["quick"]) == 1


@pytest.mark.parametrize("query", ["?seconds=0", "?months=7", "?master=999999", "?master=x"])
def test_what_is_not_understood_is_said_beside_its_field(client: Client, query: str) -> None:
    answer = client.get(URL + query)
    assert answer.status_code == 422
    assert 'href="#id_' in answer.content.decode().partition('id="problems"')[2].partition("</ul>")[0]
    assert "is-invalid" in answer.content.decode()


def test_a_manager_of_one_master_account_sees_nothing_of_another(
    estate: cast.Estate, trunk_request: TrunkRequest, supervisor: User, signed_in: SignedIn
) -> None:
    attempt_on_own(estate)
    review.deny(trunk_request, actor=supervisor, version=1, comment="No.")
    client = signed_in(cast.person("Fred Foreign", Role.MANAGER, master=estate.foreign_master))
    page = client.get(URL)
    assert (page.context["quick"], page.context["own"].rows, page.context["pairs"]) == ([], [], [])
    assert "Northwind" not in page.content.decode()
    assert client.get(f"{URL}?master={estate.master.pk}").status_code == 422


def test_the_drawings_are_well_formed_and_say_what_they_show(
    client: Client, trunk_request: TrunkRequest, supervisor: User
) -> None:
    review.deny(trunk_request, actor=supervisor, version=1, comment="No.")
    drawings = re.findall(
        r"<svg class=\"chart-drawing\".*?</svg>", client.get(URL).content.decode(), re.DOTALL
    )
    assert len(drawings) == 3
    assert ["<rect" in drawing for drawing in drawings] == [True, False, True]
    for drawing in drawings:
        tree = ET.fromstring(drawing)  # noqa: S314  # our own page
        title, description = tree.find("title"), tree.find("desc")
        assert title is not None
        assert description is not None
        assert tree.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
        assert "style" not in drawing.replace("stylesheet", "")


def test_the_table_has_the_numbers_of_the_drawings(
    client: Client, trunk_request: TrunkRequest, supervisor: User
) -> None:
    review.deny(trunk_request, actor=supervisor, version=1, comment="No.")
    newest = client.get(URL).context["months"][0]
    assert (newest.name, newest.verdicts.denied) == (f"{timezone.now():%Y-%m}", 1)
    assert newest.decision.rows == 1
    assert newest.done is None
    assert len(client.get(f"{URL}?months=3").context["months"]) == 3


def test_bars_stand_on_the_axis_and_none_is_higher_than_it() -> None:
    drawn = chart("x", "X", ["2026-10", "2026-11"], {"A": [3, None], "B": [0.2, 7.5]}, unit="h")
    assert [(bar.series, bar.words) for bar in drawn.bars] == [
        (0, "2026-10, A: 3 h"),
        (1, "2026-10, B: 0.2 h"),
        (1, "2026-11, B: 7.5 h"),
    ]
    assert all(bar.y + bar.height == pytest.approx(drawn.floor, abs=0.2) and bar.y >= 8 for bar in drawn.bars)
    assert [mark.text for mark in drawn.rows] == ["0", "2", "4", "6", "8"]
    assert (
        drawn.description
        == "A: at most 3 h in 2026-10, last 3 in 2026-10. B: at most 7.5 h in 2026-11, last 7.5 in 2026-11."
    )


def test_what_is_small_is_not_told_as_nothing() -> None:
    drawn = chart("x", "X", ["2026-11"], {"A": [0.004], "B": [0.05]}, unit="hours")
    assert [bar.words for bar in drawn.bars] == ["2026-11, A: <0.1 hours", "2026-11, B: 0.1 hours"]
    assert drawn.description.startswith("A: at most <0.1 hours in 2026-11")


def test_an_axis_of_large_numbers_has_round_labels() -> None:
    drawn = chart("x", "X", ["2026-11"], {"A": [2345.0]}, unit="decisions")
    assert [mark.text for mark in drawn.rows] == ["0", "600", "1200", "1800", "2400"]
    assert (
        chart("x", "X", ["2026-11"], {"A": [None]}, unit="h").description == "Nothing to draw in this period."
    )


def test_the_number_of_queries_does_not_grow_with_the_requests(
    client: Client,
    estate: cast.Estate,
    staff: User,
    supervisor: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(12):
        row = filing.file(cast.draft(estate.sub, estate.trunk, f"1888820{number:02}"[:8]), actor=staff)
        review.deny(row, actor=supervisor, version=1, comment="No.")
    assert Decision.objects.count() == 12
    attempt_on_own(estate)
    client.get(URL)
    with django_assert_max_num_queries(27):
        client.get(URL)


def test_how_long_something_took_stands_in_one_line(
    client: Client, estate: cast.Estate, staff: User, supervisor: User
) -> None:
    """In narrow columns "3 h 54 min" broke before its last word, so that every second row had two lines."""
    trunk_request = filing.file(cast.draft(estate.sub, estate.trunk, "18888777"), actor=staff)
    review.approve(trunk_request, actor=supervisor, version=1)
    page = client.get(URL).content.decode()
    cells = re.findall(r'<td data-label="(?:To decision|To done|Took)[^>]*>', page)
    assert len(cells) >= 5
    assert all('class="nowrap"' in cell for cell in cells)
