"""The alarm that a customer is without a trunk; and sending again what the mail server did not take."""

from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from tests import cast
from tests.outbox import break_mail, deliver, silence, standing
from tests.together import together
from tests.workflow.conftest import Zoom
from tests.workflow.timing import carry_out_in_time
from trunks import access, audit
from trunks.models import (
    How,
    Line,
    LineState,
    ListedTrunk,
    Notice,
    Occasion,
    Phase,
    Role,
    RoleGrant,
    Sending,
    State,
    SubAccount,
    Topic,
    TrunkRequest,
    User,
    clock,
)
from trunks.models.notice import ALARMS
from trunks.workflow import choosing, filing, notices, occasions, provisioning
from trunks.workflow.errors import Stale

pytestmark = pytest.mark.sqlite


def listed(sub: SubAccount, dnis: str) -> ListedTrunk:
    now = timezone.now()
    row, _ = ListedTrunk.objects.update_or_create(
        master=sub.master,
        sub_account=sub,
        zoom_id="268",
        dnis=dnis,
        defaults={"first_seen_at": now, "last_seen_at": now, "gone_at": None},
    )
    return row


@pytest.fixture
def lost(estate: cast.Estate, staff: User) -> TrunkRequest:
    """Return a change that removed 18888123 and could assign neither 18888124 nor 18888123 again."""
    row = listed(estate.sub, "18888123")
    line = filing.LineDraft(estate.trunk, "18888124", "+14155550199", "18888123")
    draft = filing.Draft(estate.sub, "change", "Customer asked", "CHG-2", [line])
    trunk_request = filing.file(draft, actor=staff)
    ListedTrunk.objects.filter(pk=row.pk).update(gone_at=timezone.now())
    trunk_request.lines.update(
        state=LineState.REFUSED, phase=Phase.RESTORE, without_trunk=True, detail="Zoom says <no>."
    )
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=State.FAILED)
    trunk_request.refresh_from_db()
    return trunk_request


def told(trunk_request: TrunkRequest) -> list[str]:
    return [event.action for event in audit.history(trunk_request) if event.action.startswith("notice.")]


def alarm(trunk_request: TrunkRequest) -> None:
    """Do what settling does for a request that left its customer without a trunk, and what the workers do then."""
    silence()
    with transaction.atomic():
        occasions.note_lost(trunk_request)
    deliver()


def test_every_supervisor_of_the_master_gets_a_letter_of_their_own(
    lost: TrunkRequest,
    estate: cast.Estate,
    supervisor: User,
    second_supervisor: User,
    manager: User,
) -> None:
    cast.person("Olga Other", Role.SUPERVISOR, master=estate.foreign_master)
    gone = cast.person("Gus Gone", Role.SUPERVISOR)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    alarm(lost)
    assert [letter.to for letter in mail.outbox] == [[supervisor.email], [second_supervisor.email]]
    letter = mail.outbox[0]
    assert letter.subject == f"{lost.reference}: Adatum Logistics is without a trunk"
    assert f"http://127.0.0.1:8000/requests/{lost.reference}/" in letter.body
    assert "18888123 was removed." in letter.body
    assert "DNIS 18888124, caller ID +14155550199" in letter.body
    assert "DNIS 18888123, no caller ID" in letter.body
    assert "Zoom says <no>." in letter.body
    event = audit.history(lost).get(action="notice.sent")
    assert event.after == {"to": [supervisor.email, second_supervisor.email]}
    assert (event.who, event.ground) == ("The portal", "a customer has lost a trunk")


def test_a_name_with_line_breaks_cannot_add_a_header(lost: TrunkRequest, supervisor: User) -> None:
    SubAccount.objects.update(name="Adatum\r\nBcc: someone@example.org")
    alarm(lost)
    assert mail.outbox[0].subject == f"{lost.reference}: Adatum Bcc: someone@example.org is without a trunk"
    assert mail.outbox[0].recipients() == [supervisor.email]


def test_without_a_supervisor_the_trail_says_that_nobody_was_told(lost: TrunkRequest) -> None:
    RoleGrant.objects.filter(role=Role.SUPERVISOR).delete()
    alarm(lost)
    assert mail.outbox == []
    assert told(lost) == ["notice.failed"]


def test_a_customer_who_has_a_trunk_again_is_not_told_of(lost: TrunkRequest, supervisor: User) -> None:
    listed(lost.sub_account, "18888124")
    alarm(lost)
    assert mail.outbox == []


def test_an_alarm_reaches_who_has_switched_everything_off(lost: TrunkRequest, supervisor: User) -> None:
    off = {topic: How.NEVER for topic in Topic if topic not in ALARMS}
    choosing.choose(off, actor=supervisor)
    alarm(lost)
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("dnis", ["18888123", "18888124"])
def test_a_customer_whose_trunk_zoom_lists_again_is_not_without_one(
    lost: TrunkRequest, staff: User, dnis: str
) -> None:
    assert list(access.without_trunk_for(staff)) == [lost]
    listed(lost.sub_account, dnis)
    assert list(access.without_trunk_for(staff)) == []


def test_it_concerns_the_requester_and_the_supervisors(
    lost: TrunkRequest, second_staff: User, supervisor: User, manager: User, estate: cast.Estate
) -> None:
    other = cast.person("Olga Other", Role.SUPERVISOR, master=estate.foreign_master)
    assert list(access.without_trunk_for(supervisor)) == [lost]
    for user in (second_staff, manager, other):
        assert list(access.without_trunk_for(user)) == []


def lose(zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch) -> TrunkRequest:
    """Have a change lose the customer's trunk: the master trunk vanishes between its two steps."""
    old, new = zoom.trunk.prefix + "777", zoom.trunk.prefix + "888"
    provisioning.provision(zoom.approved(staff, supervisor, old).pk)
    line = filing.LineDraft(zoom.trunk, new, "", old)
    draft = filing.Draft(zoom.sub, "change", "Customer asked", "", [line])
    trunk_request = cast.approved(filing.file(draft, actor=staff), supervisor)
    zoom.before_post(monkeypatch, zoom.remove_trunk)
    carry_out_in_time(trunk_request)
    trunk_request.refresh_from_db()
    return trunk_request


def test_a_request_that_settles_without_a_trunk_raises_the_alarm(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = lose(zoom, staff, supervisor, monkeypatch)
    found = Occasion.objects.filter(trunk_request=trunk_request).values_list("topic", flat=True)
    assert sorted(found) == ["asked", "decided", "lost", "settled"]


def test_a_retry_that_fails_again_tells_again_and_one_that_succeeds_ends_the_alarm(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = lose(zoom, staff, supervisor, monkeypatch)
    assert alarms(deliver()) == 1
    for expected in (1, 0):
        provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)
        assert list(access.without_trunk_for(staff)) == [trunk_request], "nothing is mended by asking"
        carry_out_in_time(trunk_request)
        assert alarms(deliver()) == expected
        trunk_request.refresh_from_db()
        zoom.put_trunk_back()
    assert trunk_request.state == State.DONE
    assert not Line.objects.filter(without_trunk=True).exists()
    assert list(access.without_trunk_for(staff)) == []


def alarms(letters: list[Any]) -> int:
    return sum("is without a trunk" in letter.subject for letter in letters)


@pytest.fixture
def failed(trunk_request: TrunkRequest, supervisor: User) -> Notice:
    """Return a letter that was given up."""
    deliver()
    mail.outbox.clear()
    gone = {"sending": Sending.FAILED, "tries": 30, "sent_at": None, "problem": "no mail server"}
    Notice.objects.update(made_at=cast.LONG_AGO, **gone)
    return Notice.objects.get()


def test_a_letter_that_was_given_up_can_be_sent_again(failed: Notice, administrator: User) -> None:
    notices.send_again(failed, actor=administrator)
    assert [letter.to for letter in deliver()] == [["sam-supervisor@example.com"]]
    trunk_request = failed.occasion.trunk_request
    assert trunk_request
    event = audit.history(trunk_request).get(action="notice.sent_again")
    assert event.actor == administrator
    assert event.after == {"to": "sam-supervisor@example.com", "about": "asked"}


def test_it_is_tried_for_another_day(
    failed: Notice, administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices.send_again(failed, actor=administrator)
    break_mail(monkeypatch, ConnectionRefusedError("no mail server"))
    deliver()
    assert standing() == [("Sam Supervisor", "waiting")]


@pytest.mark.parametrize("change", [{"sending": "sent"}, {"tries": 31}, {"lease_until": clock.after(60)}])
def test_what_was_sent_meanwhile_or_is_being_sent_is_not_sent_again(
    failed: Notice, administrator: User, change: dict[str, Any]
) -> None:
    Notice.objects.update(**change)
    with pytest.raises(Stale):
        notices.send_again(failed, actor=administrator)
    assert deliver() == []


@pytest.mark.django_db(transaction=True)
def test_two_administrators_at_once_have_it_sent_once(failed: Notice, administrator: User) -> None:
    done = together(*[lambda: notices.send_again(failed, actor=administrator)] * 2)
    assert sum(result is None for result in done) == 1
    assert len(deliver()) == 1
