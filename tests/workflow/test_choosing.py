"""What a person wants to hear: at once, in the morning, or not at all; alarms always."""

import pytest
from django.db import IntegrityError, transaction

from tests.outbox import deliver, standing
from tests.together import together
from trunks import audit
from trunks.models import How, NoticeChoice, Topic, TrunkRequest, User
from trunks.models.notice import ALARMS
from trunks.workflow import choosing
from trunks.workflow.errors import Invalid

pytestmark = pytest.mark.sqlite


def test_who_has_chosen_nothing_hears_everything_at_once(supervisor: User) -> None:
    assert set(choosing.choices_of(supervisor).values()) == {How.AT_ONCE}


@pytest.mark.parametrize(("how", "sending"), [(How.NEVER, "spared"), (How.IN_DIGEST, "held")])
def test_what_is_not_wanted_at_once_is_not_sent_at_once(
    trunk_request: TrunkRequest, supervisor: User, how: How, sending: str
) -> None:
    choosing.choose({Topic.ASKED: how}, actor=supervisor)
    assert deliver() == []
    assert standing() == [("Sam Supervisor", sending)]


def test_a_choice_is_that_of_one_person(
    trunk_request: TrunkRequest, supervisor: User, second_supervisor: User
) -> None:
    choosing.choose({Topic.ASKED: How.NEVER}, actor=supervisor)
    assert [letter.to for letter in deliver()] == [[second_supervisor.email]]


def test_a_change_is_written_down_with_before_and_after(supervisor: User) -> None:
    choosing.choose({Topic.ASKED: How.NEVER, Topic.DECIDED: How.AT_ONCE}, actor=supervisor)
    choosing.choose({Topic.ASKED: How.NEVER}, actor=supervisor)
    choosing.choose({Topic.ASKED: How.IN_DIGEST}, actor=supervisor)
    first, second = audit.history(supervisor).filter(action="notice.chosen")
    assert (first.actor, first.before, first.after) == (supervisor, {"asked": "at_once"}, {"asked": "never"})
    assert (second.before, second.after) == ({"asked": "never"}, {"asked": "in_digest"})
    assert str(NoticeChoice.objects.get()) == "asked: in_digest"


@pytest.mark.parametrize("alarm", ALARMS)
def test_an_alarm_cannot_be_switched_off(supervisor: User, alarm: Topic) -> None:
    with pytest.raises(Invalid):
        choosing.choose({alarm: How.NEVER}, actor=supervisor)
    with pytest.raises(IntegrityError), transaction.atomic():
        NoticeChoice.objects.create(user=supervisor, topic=alarm, how=How.NEVER)


def test_the_morning_mail_cannot_be_put_into_itself(supervisor: User) -> None:
    with pytest.raises(Invalid):
        choosing.choose({Topic.DIGEST: How.IN_DIGEST}, actor=supervisor)


@pytest.mark.django_db(transaction=True)
def test_two_pages_sent_at_once_leave_one_choice(supervisor: User) -> None:
    done = together(
        lambda: choosing.choose({Topic.ASKED: How.NEVER}, actor=supervisor),
        lambda: choosing.choose({Topic.ASKED: How.NEVER}, actor=supervisor),
    )
    assert done == [None, None]
    assert NoticeChoice.objects.count() == 1
    assert audit.history(supervisor).count() == 1
