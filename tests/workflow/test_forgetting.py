"""Letters and deliveries that have ended are deleted after OUTBOX_DAYS, in small pieces; nothing else is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from portal import celery_settings
from trunks import tasks
from trunks.models import Delivery, Notice, Occasion, Sending, State, TrunkRequest, User, Webhook, clock
from trunks.workflow import forgetting, spreading

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

YEAR = timedelta(days=366)


@pytest.fixture
def occasion(trunk_request: TrunkRequest) -> Occasion:
    TrunkRequest.objects.update(state=State.WITHDRAWN)
    occasion = Occasion.objects.get()
    Occasion.objects.update(spread_at=clock.now())
    return occasion


@pytest.fixture
def notices(occasion: Occasion, staff: User) -> list[Notice]:
    """Return an old letter of each kind, then a young one."""
    when = clock.read()
    people = [User.objects.create_user(f"{kind}@example.com", None, name=kind) for kind in Sending.values]
    old = [
        Notice(occasion=occasion, user=user, sending=user.name, made_at=when - YEAR, next_attempt_at=when)
        for user in people
    ]
    young = Notice(occasion=occasion, user=staff, sending="sent", made_at=when, next_attempt_at=when)
    return Notice.objects.bulk_create([*old, young])


def kinds() -> list[str]:
    return list(Notice.objects.order_by("id").values_list("sending", flat=True))


def test_what_has_ended_goes_and_what_has_not_stays(notices: list[Notice]) -> None:
    tasks.forget_ended(0)
    assert kinds() == ["waiting", "held", "sent"]
    assert notices[-1] in Notice.objects.all()
    assert Occasion.objects.exists(), "its key keeps the same thing from being told of twice"
    spreading.spread_due()
    assert len(kinds()) == 3


def test_nought_days_keep_everything(notices: list[Notice], settings: Settings) -> None:
    settings.OUTBOX_DAYS = 0
    tasks.forget_ended(0)
    assert len(kinds()) == len(notices)


def test_the_days_are_the_setting_s(notices: list[Notice], settings: Settings) -> None:
    settings.OUTBOX_DAYS = 367
    tasks.forget_ended(0)
    assert len(kinds()) == len(notices)


def test_letters_about_what_still_waits_stay(notices: list[Notice]) -> None:
    """They say who was told of it: reminders go by them."""
    TrunkRequest.objects.update(state=State.PENDING)
    tasks.forget_ended(0)
    assert len(kinds()) == len(notices)


def test_a_letter_that_is_sent_again_meanwhile_stays(
    notices: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = forgetting._old

    def again(*arguments: object) -> list[int]:
        found = real(*arguments)  # type: ignore[arg-type]
        Notice.objects.filter(sending=Sending.FAILED).update(sending=Sending.WAITING, made_at=clock.now())
        return found

    monkeypatch.setattr(forgetting, "_old", again)
    tasks.forget_ended(0)
    assert kinds() == ["waiting", "held", "waiting", "sent"]


def test_it_goes_in_pieces_over_what_stays_and_leaves_the_rest_to_the_next_time(
    notices: list[Notice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "PIECE", 1)
    monkeypatch.setattr(forgetting, "PIECES", 3)
    tasks.forget_ended(0)
    assert kinds() == ["waiting", "held", "spared", "failed", "sent"]
    monkeypatch.setattr(forgetting, "PIECES", 9)
    tasks.forget_ended(0)
    assert kinds() == ["waiting", "held", "sent"]


def test_where_nothing_is_old_one_piece_of_each_is_read(occasion: Occasion, staff: User) -> None:
    when = clock.read()
    Notice.objects.create(occasion=occasion, user=staff, sending="sent", made_at=when, next_attempt_at=when)
    with CaptureQueriesContext(connection) as asked:
        tasks.forget_ended(0)
    assert (
        len([one for one in asked if "trunks_notice" in one["sql"] or "trunks_delivery" in one["sql"]]) == 2
    )


def test_deliveries_go_as_letters_do(administrator: User, occasion: Occasion) -> None:
    when = clock.read()
    hook = Webhook.objects.create(
        name="Desk", url="https://desk.example.com", made_by=administrator, made_at=when
    )
    for kind in Sending.values:
        Delivery.objects.create(
            webhook=hook,
            event_id=kind,
            kind="x",
            body="{}",
            sending=kind,
            made_at=when - YEAR,
            next_attempt_at=when,
        )
    tasks.forget_ended(0)
    assert set(Delivery.objects.values_list("sending", flat=True)) == {"waiting", "held"}


def test_beat_asks_for_it() -> None:
    assert celery_settings.beat_schedule["forget-ended"]["task"] == "trunks.tasks.forget_ended"
