"""What was said between the portal and Zoom, call by call."""

import json
from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.conftest import SignedIn
from trunks.models import Attempt, TrunkRequest, User, ZoomCall
from trunks.templatetags.portal import pretty

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
NOT_ENROLLED = "Request failed because this account is not enrolled in SIP Connected Audio plan."


def attempt(trunk_request: TrunkRequest, fence: int = 1) -> Attempt:
    return Attempt.objects.create(trunk_request=trunk_request, fence=fence, started_at=AT)


def call(at: Attempt, **changes: object) -> ZoomCall:
    values: dict[str, object] = {
        "method": "POST",
        "path": "/accounts/x/sip_trunk/trunks",
        "started_at": AT,
        "duration_ms": 123,
        "status": 400,
        "tracking_id": "v=2.0;clid=us02;rid=WEB_1",
        "sent": {"sip_trunks": [{"id": "268", "dnis": "18888123"}]},
        "answer": json.dumps({"code": 300, "message": NOT_ENROLLED}),
        "problem": "refused",
    }
    return ZoomCall.objects.create(attempt=at, **(values | changes))


def address(trunk_request: TrunkRequest) -> str:
    return f"/requests/{trunk_request.reference}/attempts/"


def test_each_call_is_shown_with_everything_that_is_known_of_it(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    call(attempt(trunk_request))
    content = signed_in(staff).get(address(trunk_request)).content.decode()
    for text in ("POST", "/accounts/x/sip_trunk/trunks", "400", "123 ms", "rid=WEB_1", "05:06:07"):
        assert text in content
    assert "The account is not enrolled in the SIP Connected Audio plan." in content
    assert NOT_ENROLLED in content
    assert "&quot;dnis&quot;: &quot;18888123&quot;" in content


def test_a_call_without_an_answer_shows_what_happened(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    call(attempt(trunk_request), status=None, answer="", sent=None, problem="<reset>", tracking_id="")
    content = signed_in(staff).get(address(trunk_request)).content.decode()
    assert "no answer" in content
    assert "&lt;reset&gt;" in content
    assert "What came back" not in content


@pytest.mark.parametrize(
    ("ended", "outcome", "fence", "leased", "said"),
    [
        (False, "", 1, True, "under way"),
        (False, "", 1, False, "broken off: its worker was lost"),
        (False, "", 2, True, "broken off: its worker was lost"),
        (True, "", 2, False, "ended"),
        (True, "1 assigned", 1, True, "1 assigned"),
    ],
)
def test_only_what_a_worker_holds_is_said_to_be_under_way(
    signed_in: SignedIn,
    staff: User,
    trunk_request: TrunkRequest,
    *,
    ended: bool,
    outcome: str,
    fence: int,
    leased: bool,
    said: str,
) -> None:
    one = attempt(trunk_request)
    Attempt.objects.filter(pk=one.pk).update(ended_at=AT if ended else None, outcome=outcome)
    TrunkRequest.objects.update(fence=fence, lease_until=AT if leased else None)
    client = signed_in(staff)
    assert f'<span class="soft">{said}</span>' in client.get(address(trunk_request)).content.decode()
    page = client.get(f"/requests/{trunk_request.reference}/").content.decode()
    assert f"<span>{said}</span></summary>" in page


def test_before_the_first_call_the_page_says_so(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    content = signed_in(staff).get(address(trunk_request)).content.decode()
    assert "Nothing has been said yet." in content


def test_others_do_not_learn_that_it_exists(
    signed_in: SignedIn, other_staff: User, trunk_request: TrunkRequest
) -> None:
    assert signed_in(other_staff).get(address(trunk_request)).status_code == 404


def test_it_is_read_only(signed_in: SignedIn, staff: User, trunk_request: TrunkRequest) -> None:
    assert signed_in(staff).post(address(trunk_request)).status_code == 405


@pytest.mark.parametrize("number", [1, 15])
def test_the_number_of_queries_does_not_grow(
    signed_in: SignedIn,
    staff: User,
    trunk_request: TrunkRequest,
    django_assert_num_queries: DjangoAssertNumQueries,
    number: int,
) -> None:
    for fence in range(number):
        at = attempt(trunk_request, fence)
        call(at)
        call(at)
    client = signed_in(staff)
    with django_assert_num_queries(11):
        client.get(address(trunk_request))


def test_many_attempts_come_on_pages_and_the_request_page_shows_the_last_ten(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    for fence in range(25):
        call(attempt(trunk_request, fence), path=f"/call/{fence}/")
    client = signed_in(staff)
    first = client.get(address(trunk_request)).content.decode()
    assert "/call/24/" in first
    assert "/call/4/" not in first
    assert 'rel="next"' in first
    content = client.get(f"/requests/{trunk_request.reference}/").content.decode()
    assert "Attempt 25" in content
    assert "Attempt 16" in content
    assert "Attempt 15<" not in content
    assert "All 25, in full" in content


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"a": [1]}', '{\n  "a": [\n    1\n  ]\n}'),
        ({"access_token": "x", "b": {"client_secret": "y"}}, None),
        ("<html>", "<html>"),
        ("", ""),
        (None, "null"),
        ('[{"Authorization": "Bearer x"}]', None),
    ],
)
def test_json_is_indented_and_secrets_are_taken_out(value: object, expected: str | None) -> None:
    shown = pretty(value)
    if expected is None:
        assert "(not shown)" in shown
        assert not {'"x"', '"y"', "Bearer"} & set(shown.split())
    else:
        assert shown == expected


@pytest.mark.parametrize("answer", ['{"message": "half \\ud800 a character"}', "[" * 700 + "]" * 700])
@pytest.mark.parametrize("page", ["attempts", "story", "evidence"])
def test_an_answer_that_no_page_could_be_sent_with_is_shown_all_the_same(
    signed_in: SignedIn, manager: User, trunk_request: TrunkRequest, answer: str, page: str
) -> None:
    call(attempt(trunk_request), answer=answer)
    assert signed_in(manager).get(f"/requests/{trunk_request.reference}/{page}/").status_code == 200
