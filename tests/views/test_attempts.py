"""What was said between the portal and Zoom, in full; what it means; and what nobody can explain."""

import json
from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from trunks.models import (
    Attempt,
    Circuit,
    Line,
    MasterAccount,
    Role,
    TrunkRequest,
    UnknownError,
    User,
    ZoomCall,
    clock,
)
from trunks.templatetags.portal import pretty
from trunks.workflow import words

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


# --- on the request page --------------------------------------------------------------------------------------------


def test_a_refused_line_says_cause_next_step_who_and_zooms_own_words(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    decoded = words.decode(call(attempt(trunk_request)))
    assert decoded is not None
    Line.objects.update(state="refused", detail=f"Alone. {decoded.sentence}", tracking_id=decoded.tracking_id)
    TrunkRequest.objects.update(state="failed")
    content = signed_in(staff).get(f"/requests/{trunk_request.reference}/").content.decode()
    asked = content.split('id="asked-title"')[1].split("</section>")[0]
    for text in (
        "Buy the plan for the account at Zoom",
        "Whoever manages the plans at Zoom",
        NOT_ENROLLED,
        "Alone.",
    ):
        assert text in asked
    assert decoded.sentence not in asked
    assert "Retry 1 failed line<" in content


def test_a_line_whose_detail_is_the_portals_own_is_left_as_it_is(
    signed_in: SignedIn, staff: User, trunk_request: TrunkRequest
) -> None:
    call(attempt(trunk_request))
    Line.objects.update(state="refused", detail="Something else.")
    content = signed_in(staff).get(f"/requests/{trunk_request.reference}/").content.decode()
    assert "Something else." in content
    assert 'class="told"' not in content


# --- attention and giving up ----------------------------------------------------------------------------------------


@pytest.fixture
def unconfirmed(trunk_request: TrunkRequest) -> TrunkRequest:
    """Return a request that people are asked to look at."""
    trunk_request.lines.update(state="unknown")
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(
        state="unconfirmed", needs_attention=True, sent_at=cast.LONG_AGO, next_attempt_at=clock.after(60)
    )
    trunk_request.refresh_from_db()
    return trunk_request


def test_the_request_page_says_what_is_known_and_what_people_can_do(
    signed_in: SignedIn, supervisor: User, unconfirmed: TrunkRequest
) -> None:
    content = signed_in(supervisor).get(f"/requests/{unconfirmed.reference}/").content.decode()
    for text in (
        "People are asked to look.",
        "Look in Zoom&#x27;s own console",
        "Check at Zoom now",
        "Give up…",
    ):
        assert text.replace("&#x27;", "'") in content.replace("&#x27;", "'")


def test_both_pages_say_what_is_tried_in_vain_and_what_people_can_do(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest
) -> None:
    TrunkRequest.objects.update(
        state="approved", needs_attention=True, tries=9, waiting_for="Zoom's list has <18888001@zoom>."
    )
    client = signed_in(supervisor)
    page = client.get(f"/requests/{trunk_request.reference}/").content.decode()
    notice = page.split('id="needs-attention"')[1].split("</ul>")[0]
    assert "no try to carry it out has come to an end" in notice
    assert f"/requests/{trunk_request.reference}/attempts/" in notice
    assert "Give up" not in notice
    home = client.get("/").content.decode().split('id="attention-title"')[1].split("</section>")[0]
    assert (
        f"{trunk_request.reference}</a> for {trunk_request.sub_account}: it cannot be carried out so far"
        in home
    )
    assert "&lt;18888001@zoom&gt;" in home
    assert "nobody knows" not in home


def test_home_lists_it_for_supervisors_with_masters_in_trouble(
    signed_in: SignedIn, supervisor: User, staff: User, administrator: User, unconfirmed: TrunkRequest
) -> None:
    Circuit.objects.create(master=unconfirmed.master, refused_at=clock.now(), refusal="Zoom refuses <us>.")
    MasterAccount.objects.update(sync_problem="Cannot be read.")
    content = signed_in(supervisor).get("/").content.decode()
    attention = content.split('id="attention-title"')[1].split("</section>")[0]
    for text in (unconfirmed.reference, "Zoom refuses &lt;us&gt;.", "Cannot be read."):
        assert text in attention
    assert 'id="attention-title"' not in signed_in(staff).get("/").content.decode()
    assert "Zoom refuses &lt;us&gt;." in signed_in(administrator).get("/").content.decode()


def test_what_zoom_accepted_is_not_said_to_have_no_answer(
    signed_in: SignedIn, supervisor: User, unconfirmed: TrunkRequest
) -> None:
    unconfirmed.lines.update(answered=True)
    TrunkRequest.objects.update(needs_attention=True)
    content = signed_in(supervisor).get(f"/requests/{unconfirmed.reference}/").content.decode()
    assert "what came of it is not known yet" in content
    assert "has settled it" in content
    assert "no answer came back" not in content


def test_a_supervisor_gives_up_with_a_reason(
    signed_in: SignedIn, supervisor: User, unconfirmed: TrunkRequest
) -> None:
    client = signed_in(supervisor)
    page = f"/requests/{unconfirmed.reference}/"
    bare = client.post(f"{page}give-up/", {"version": unconfirmed.version, "comment": ""})
    assert bare.status_code == 422
    assert "Say why" in bare.content.decode()
    done = client.post(
        f"{page}give-up/", {"version": unconfirmed.version, "comment": "Nobody knows"}, follow=True
    )
    content = done.content.decode()
    assert 'data-state="failed"' in content
    assert 'data-line-state="given_up"' in content
    assert "Given up, outcome unknown" in content
    assert "whether those are in place is not known" in content
    assert "is not in place at Zoom" not in content


def test_staff_see_who_could_give_up_and_cannot(
    signed_in: SignedIn, staff: User, supervisor: User, unconfirmed: TrunkRequest
) -> None:
    client = signed_in(staff)
    page = f"/requests/{unconfirmed.reference}/"
    assert "can give up on it." in client.get(page).content.decode()
    response = client.post(f"{page}give-up/", {"version": unconfirmed.version, "comment": "x"})
    assert response.status_code == 403
    assert client.get(f"{page}give-up/").status_code == 405


# --- what nobody can explain ----------------------------------------------------------------------------------------


def test_administrators_see_unexplained_errors_of_their_masters(
    signed_in: SignedIn, administrator: User, estate: cast.Estate
) -> None:
    assert (
        "Every error so far has an explanation." in signed_in(administrator).get("/errors/").content.decode()
    )
    for master, message in ((estate.master, "Odd <thing>"), (estate.foreign_master, "Foreign")):
        UnknownError.objects.create(
            master=master,
            status=400,
            code=3000,
            message=message,
            count=7,
            first_seen_at=AT,
            last_seen_at=AT,
            tracking_id="rid=1",
        )
    content = signed_in(administrator).get("/errors/").content.decode()
    for text in ("Odd &lt;thing&gt;", "Foreign", "3000", "rid=1"):
        assert text in content
    own = cast.person("Amy Admin", Role.ADMINISTRATOR, master=estate.master)
    assert "Foreign" not in signed_in(own).get("/errors/").content.decode()


@pytest.mark.sqlite
@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "2026-11-28"])
def test_a_place_at_a_moment_that_no_page_names_shows_the_first_page(
    signed_in: SignedIn, administrator: User, moment: str
) -> None:
    answer = signed_in(administrator).get("/errors/", {"after": f'["{moment}", 1]'})
    assert answer.status_code == 200


@pytest.mark.parametrize("who", ["staff", "supervisor", "manager", "stranger"])
def test_unexplained_errors_are_for_administrators(
    signed_in: SignedIn, request: pytest.FixtureRequest, who: str
) -> None:
    assert signed_in(request.getfixturevalue(who)).get("/errors/").status_code == 403
