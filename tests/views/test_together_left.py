"""Of several approvals at once, those that cannot be carried out: each left by itself, and in the same words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from tests import cast
from tests.views import test_together
from tests.views.test_together import URL, approve, loaded, look, results, said_of, states, tick
from trunks.models import Decision, ListedTrunk, Role, State, SubAccount, TrunkRequest, User
from trunks.models.audit_event import AuditEvent
from trunks.views.http import NOTHING_HERE
from trunks.views.unavailable import AWAY
from trunks.workflow import filing, preview, review
from trunks.workflow.preview import ZoomNow

pytestmark = pytest.mark.sqlite
client = test_together.client
three = test_together.three


def taken(trunk_request: TrunkRequest, sub: SubAccount) -> None:
    """Have the estate show that `sub` has got the DNIS meanwhile."""
    ListedTrunk.objects.create(
        master=trunk_request.master,
        sub_account=sub,
        zoom_id="9",
        dnis=trunk_request.lines.get().dnis,
        first_seen_at=cast.LONG_AGO,
        last_seen_at=cast.LONG_AGO,
    )


def refusals(user: User) -> list[str]:
    events = AuditEvent.objects.filter(action="request.action_refused", actor=user).order_by("id")
    return [event.after["reason"] for event in events]


def test_stale_own_moved_foreign_and_ended_ones_are_left_and_the_others_approved(
    client: Client,
    supervisor: User,
    second_supervisor: User,
    staff: User,
    estate: cast.Estate,
    three: list[TrunkRequest],
) -> None:
    SubAccount.objects.update(trunks_read_at=cast.LONG_AGO)
    sub = SubAccount.objects.get(pk=estate.sub.pk)
    stale, denied, good = three
    own, moved = (
        filing.file(cast.draft(sub, estate.trunk, dnis), actor=staff) for dnis in ("18888004", "18888005")
    )
    own.revisions.update(author=supervisor)
    # Of a master account that the supervisor has no role for.
    foreign = filing.file(
        cast.draft(estate.foreign_sub, estate.foreign_trunk, "70003001"),
        actor=cast.person("Ferdinand Foreign", Role.STAFF),
    )
    supervisor.role_grants.update(master=estate.master)
    ticks = [tick(row) for row in (stale, denied, good, own, moved, foreign)]
    filing.amend(stale, cast.draft(sub, estate.trunk, "18888009"), actor=staff, version=1)
    review.deny(denied, actor=second_supervisor, version=1, comment="No.")
    taken(moved, estate.other_sub)

    answer = approve(client, *ticks)
    assert answer.status_code == 200
    assert [name for name, done in results(answer).items() if done] == [good.reference]
    assert states([stale, denied, good, own, moved, foreign]) == [
        *(State.PENDING, State.DENIED, State.APPROVED, State.PENDING, State.PENDING, State.PENDING)
    ]
    assert "Stella Staff" in said_of(answer, stale)
    assert "Sue Supervisor" in said_of(answer, denied)
    assert "You filed or amended this request, so somebody else decides on it." in said_of(answer, own)
    assert "Who could:</strong> Sue Supervisor" in said_of(answer, own)
    assert "Zoom has changed since this was filed" in said_of(answer, moved)
    assert "Validate it again on its page" in said_of(answer, moved)
    assert NOTHING_HERE in said_of(answer, foreign)
    assert "Tailspin" not in answer.content.decode()
    assert Decision.objects.filter(verdict="approve").count() == 1
    assert refusals(supervisor) == ["You filed or amended this request, so somebody else decides on it."]


def test_the_words_are_those_of_the_request_s_own_page(
    client: Client, supervisor: User, three: list[TrunkRequest], estate: cast.Estate
) -> None:
    cast.policy(estate.master, approvals=2)
    own, given, unfit = three
    own.revisions.update(author=supervisor)
    review.approve(loaded(given), actor=supervisor, version=1)
    taken(unfit, estate.other_sub)
    answer = approve(client, own, loaded(given), unfit)
    assert answer.status_code == 409
    for row in three:
        data = {"version": loaded(row).version, "comment": ""}
        alone = client.post(f"/requests/{row.reference}/approve/", data).content.decode()
        words = re.findall(r'<p class="m-0">([^<]+)</p>', said_of(answer, row))
        assert words
        assert all(sentence in alone for sentence in words)
    assert len(refusals(supervisor)) == 4


def test_what_does_not_fit_is_told_with_what_to_do(
    client: Client, three: list[TrunkRequest], estate: cast.Estate
) -> None:
    taken(three[0], estate.other_sub)
    page = look(client, *three[:2])
    assert "18888001 is already assigned to Fourth Coffee at Zoom." in page
    assert f'data-cannot="{three[0].reference}"' in page
    assert tick(three[0]) not in page
    answer = approve(client, *three[:2])
    assert results(answer) == {three[0].reference: False, three[1].reference: True}
    assert "18888001 is already assigned to Fourth Coffee at Zoom." in said_of(answer, three[0])
    assert "Send it back to be amended, or deny it." in said_of(answer, three[0])


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ([], "Tick at least one request."),
        (["TR-000001"], "did not say which version"),
        (["TR-000001.1.xyz"], "did not say which version"),
        (["TR-000001.-1."], "did not say which version"),
        (["\x00"], "did not say which version"),
        ([f"TR-{number:06d}.1." for number in range(1, 27)], "At most 25 at once"),
    ],
)
def test_a_choice_that_cannot_be_carried_out_keeps_rows_and_comment(
    client: Client, three: list[TrunkRequest], chosen: list[str], words: str
) -> None:
    shown = [row.reference for row in three]
    answer = client.post(URL, {"chosen": chosen, "shown": shown, "comment": "<b>Kept</b>"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert "<title>Error: " in page
    assert "&lt;b&gt;Kept&lt;/b&gt;" in page
    assert page.count("data-one=") == 3
    assert states(three) == [State.PENDING] * 3


@pytest.mark.parametrize("comment", ["c" * 2001, "a\x00b"])
def test_a_comment_that_cannot_be_kept_decides_nothing_and_ticks_stay_as_they_were(
    client: Client, three: list[TrunkRequest], comment: str
) -> None:
    shown = [row.reference for row in three]
    answer = client.post(URL, {"chosen": [tick(three[0])], "shown": shown, "comment": comment})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'href="#id_comment"' in page
    assert f'value="{tick(three[0])}" checked' in page
    assert f'value="{tick(three[1])}"' in page
    assert f'value="{tick(three[1])}" checked' not in page
    assert not Decision.objects.exists()


def test_an_expired_one_cannot_be_ticked_although_no_sweep_has_ended_it(
    client: Client, three: list[TrunkRequest]
) -> None:
    TrunkRequest.objects.filter(pk=three[0].pk).update(changed_at=cast.LONG_AGO)
    assert "It has expired" in look(client, three[0])
    answer = approve(client, three[0], three[1])
    assert results(answer) == {three[0].reference: False, three[1].reference: True}
    assert "It has expired" in said_of(answer, three[0])


def test_reading_zoom_takes_the_tick_away_where_it_has_moved(
    client: Client, estate: cast.Estate, three: list[TrunkRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    SubAccount.objects.update(trunks_read_at=cast.LONG_AGO)
    sub = SubAccount.objects.get(pk=estate.sub.pk)
    row = filing.file(cast.draft(sub, estate.trunk, "18888007"), actor=three[0].filed_by)

    def read(trunk_request: TrunkRequest) -> ZoomNow:
        ListedTrunk.objects.all().delete()
        taken(trunk_request, estate.other_sub)
        return ZoomNow()

    page = look(client, row)
    offered = re.findall(rf"{URL}{row.reference}/\?offered=(\S+?)\"", page)
    assert offered == ["1.approve"]
    monkeypatch.setattr(preview, "zoom_now", read)
    corrected = client.get(f"{URL}{row.reference}/?offered=1.approve").content.decode()
    assert f'hx-swap-oob="innerHTML:#choose-{row.pk}"' in corrected
    assert "Zoom has changed since this was filed" in corrected
    assert 'name="chosen"' not in corrected
    assert "hx-swap-oob" not in client.get(f"{URL}{row.reference}/?offered=1.none").content.decode()
    assert "hx-swap-oob" not in client.get(f"{URL}{row.reference}/").content.decode()


def test_reading_zoom_of_one_that_was_amended_meanwhile_says_who_was_first(
    client: Client,
    three: list[TrunkRequest],
    estate: cast.Estate,
    staff: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preview, "zoom_now", lambda trunk_request: ZoomNow(problem="Zoom did not answer."))
    filing.amend(three[0], cast.draft(estate.sub, estate.trunk, "18888009"), actor=staff, version=1)
    corrected = client.get(f"{URL}{three[0].reference}/?offered=1.approve").content.decode()
    assert "Stella Staff" in corrected
    assert 'name="chosen"' not in corrected
    assert "Zoom did not answer. You can decide all the same" in corrected


def test_a_database_that_gives_way_in_the_middle_names_what_is_done(
    client: Client, three: list[TrunkRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    approve_one, broken = review.approve, three[1].pk

    def breaking(trunk_request: TrunkRequest, **more: Any) -> TrunkRequest:
        if trunk_request.pk == broken:
            raise OperationalError("gone")
        return approve_one(trunk_request, **more)

    monkeypatch.setattr(review, "approve", breaking)
    answer = approve(client, *three)
    page = answer.content.decode()
    assert answer.status_code == 503
    assert AWAY in page
    assert "Not all of this was done" in page
    assert f"Done before that, and kept: {three[0].reference}. Nothing of the rest was done." in page
    assert states(three) == [State.APPROVED, State.PENDING, State.PENDING]
