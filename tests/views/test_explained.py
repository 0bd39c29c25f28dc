"""What Zoom's refusals and its silence mean, on the request page, and what people can do about them."""

import pytest

from tests import cast
from tests.conftest import SignedIn
from tests.views.test_attempts import NOT_ENROLLED, attempt, call
from trunks.models import Circuit, Line, MasterAccount, TrunkRequest, User, clock
from trunks.workflow import words


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
