"""Sending letters: once each, tried again for a day, and given up openly."""

import random
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from tests import cast
from tests.outbox import break_mail, deliver, standing
from tests.together import together
from trunks import audit, tasks
from trunks.models import Notice, Occasion, TrunkRequest, User, clock
from trunks.workflow import mailing, outbox, spreading

pytestmark = pytest.mark.sqlite


@pytest.fixture
def waiting(trunk_request: TrunkRequest, supervisor: User, second_supervisor: User) -> list[Notice]:
    """Return two letters about a new request that are due."""
    spreading.spread(Occasion.objects.get().pk)
    return list(Notice.objects.order_by("id"))


def let_be_due() -> None:
    Notice.objects.update(next_attempt_at=clock.after(-1))


def test_each_person_gets_a_letter_of_their_own(
    waiting: list[Notice], supervisor: User, second_supervisor: User
) -> None:
    mailing.send_due()
    assert [letter.recipients() for letter in mail.outbox] == [[supervisor.email], [second_supervisor.email]]
    assert all(notice.sent_at and notice.subject for notice in Notice.objects.all())


def test_it_is_sent_once_however_often_the_worker_is_rung(waiting: list[Notice]) -> None:
    for _ in range(3):
        tasks.send_letters(0)
    assert len(mail.outbox) == 2


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_time_send_each_letter_once(waiting: list[Notice]) -> None:
    assert together(*[mailing.send_due] * 4) == [None] * 4
    assert len(mail.outbox) == 2
    assert {notice.tries for notice in Notice.objects.all()} == {1}


@pytest.mark.django_db(transaction=True)
def test_who_is_rung_together_with_another_takes_the_next_letter(waiting: list[Notice]) -> None:
    taken = together(mailing._claim, mailing._claim)
    # With one writer at a time the second waits; with row locks it passes over what the first has in its hands.
    assert sorted(notice.pk for notice in taken if isinstance(notice, Notice)) == [one.pk for one in waiting]


def test_a_letter_that_another_worker_holds_is_left_alone(waiting: list[Notice]) -> None:
    Notice.objects.update(lease_until=clock.after(60))
    mailing.send_due()
    assert mail.outbox == []
    assert mailing._claim() is None


def test_a_letter_whose_worker_died_is_sent_by_another_under_the_same_id(waiting: list[Notice]) -> None:
    claimed = mailing._claim()
    assert claimed is not None
    Notice.objects.update(lease_until=clock.after(-1))
    mailing.send_due()
    sent = mail.outbox[0].extra_headers["Message-ID"]
    assert sent.startswith(f"<notice-{waiting[0].pk}.")
    assert Notice.objects.get(pk=waiting[0].pk).tries == 2


def test_a_worker_that_comes_back_late_changes_nothing(waiting: list[Notice]) -> None:
    late = mailing._claim()
    assert late is not None
    Notice.objects.update(lease_until=clock.after(-1))
    mailing.send_due()
    mailing._failed(late, OSError("too late"), for_good=False)
    assert Notice.objects.get(pk=late.pk).sending == "sent"


def test_a_mail_server_that_is_down_costs_one_try_and_not_one_a_letter(
    waiting: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = break_mail(monkeypatch, ConnectionRefusedError("no mail server"))
    mailing.send_due()
    mailing.send_due()
    assert tries == [1]
    assert not Notice.objects.due().exists()
    first = Notice.objects.get(pk=waiting[0].pk)
    assert (first.sending, first.problem) == ("waiting", "ConnectionRefusedError: no mail server")
    assert list(Notice.objects.stuck()) == [first]
    monkeypatch.undo()
    let_be_due()
    mailing.send_due()
    assert len(mail.outbox) == 2
    assert set(Notice.objects.values_list("sending", "problem")) == {("sent", "")}


def test_it_is_tried_at_growing_intervals_that_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda low, high: 1.0)
    assert [outbox.wait_after(tries, longest=mailing.LONGEST_WAIT) for tries in (0, 1, 2, 6, 7, 99)] == [
        30,
        60,
        120,
        1920,
        3600,
        3600,
    ]
    monkeypatch.undo()
    waits = {outbox.wait_after(1, longest=mailing.LONGEST_WAIT) for _ in range(20)}
    assert len(waits) > 1
    assert all(45 <= wait <= 75 for wait in waits)


def test_after_a_day_it_is_given_up_and_the_trail_says_so(
    waiting: list[Notice], trunk_request: TrunkRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    Notice.objects.update(made_at=timezone.now() - timedelta(hours=25))
    break_mail(monkeypatch, ConnectionRefusedError("no mail server"))
    mailing.send_due()
    assert standing() == [("Sam Supervisor", "failed"), ("Sue Supervisor", "waiting")]
    event = audit.history(trunk_request).get(action="notice.failed")
    assert event.after == {"to": "sam-supervisor@example.com", "about": "asked"}
    assert event.comment == "ConnectionRefusedError: no mail server"


def test_nothing_due_opens_no_connection(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr(mail, "get_connection", lambda **options: opened.append(options))
    mailing.send_due()
    assert opened == []


def test_a_letter_is_plain_text_and_html_with_the_same_words(
    trunk_request: TrunkRequest, supervisor: User
) -> None:
    TrunkRequest.objects.update(reason="<b>& urgent</b>")
    [letter] = deliver()
    html, kind = letter.alternatives[0]
    assert kind == "text/html"
    assert "<b>& urgent</b>" in letter.body
    assert "&lt;b&gt;&amp; urgent&lt;/b&gt;" in html
    assert "<b>" not in html
    for words in ("Stella Staff asks: 1 trunk for Adatum Logistics", "DNIS 18888123, caller ID +14155550100"):
        assert words in letter.body
        assert words in html
    address = f"http://127.0.0.1:8000/requests/{trunk_request.reference}/"
    assert address in letter.body
    assert f'href="{address}"' in html
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"


def test_a_held_claim_is_for_one_try(waiting: list[Notice], staff: User) -> None:
    assert cast.PASSWORD not in str(waiting[0])
    assert str(waiting[0]) == "e-mail to Sam Supervisor"
    assert str(waiting[0].occasion).startswith("asked:")


def test_a_round_sends_so_many_letters_and_leaves_the_others_for_the_next(
    waiting: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "BATCH", 1)
    mailing.send_due()
    assert len(mail.outbox) == 1
    mailing.send_due()
    assert len(mail.outbox) == 2


def test_a_round_that_takes_long_lets_other_work_in(
    waiting: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail server that lets each letter wait must not keep a worker from what people have approved."""
    monkeypatch.setattr(outbox, "TURN", -1.0)
    mailing.send_due()
    assert len(mail.outbox) == 1
    mailing.send_due()
    assert len(mail.outbox) == 2


def test_a_letter_about_a_request_that_is_gone_is_not_sent(
    waiting: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailing, "named_request", lambda pk: None)
    mailing.send_due()
    assert mail.outbox == []
    assert {notice.problem for notice in Notice.objects.all()} == {"There is no such request any more."}
