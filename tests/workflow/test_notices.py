"""The alarm: supervisors are told, once, that a customer is without a trunk."""

from collections.abc import Sequence

import pytest
from django.core import mail
from django.utils import timezone

from tests import cast
from tests.together import together
from tests.workflow.conftest import Zoom
from trunks import access, audit, dispatch, tasks
from trunks.models import (
    Line,
    LineState,
    ListedTrunk,
    Phase,
    Role,
    RoleGrant,
    State,
    SubAccount,
    TrunkRequest,
    User,
)
from trunks.workflow import filing, notices, provisioning

pytestmark = pytest.mark.sqlite
Rings = list[tuple[str, int]]


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
    notices.alarm(lost.pk)
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
    assert (event.who, event.ground) == ("The portal", "a customer is without a trunk")


def test_it_is_sent_once_however_often_the_worker_is_rung(lost: TrunkRequest, supervisor: User) -> None:
    for _ in range(3):
        tasks.alarm(lost.pk)
    assert len(mail.outbox) == 1
    assert told(lost) == ["notice.sent"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_one_letter(lost: TrunkRequest, supervisor: User) -> None:
    assert together(*[lambda: notices.alarm(lost.pk)] * 3) == [None] * 3
    assert len(mail.outbox) == 1


def test_a_name_with_line_breaks_cannot_add_a_header(lost: TrunkRequest, supervisor: User) -> None:
    SubAccount.objects.update(name="Adatum\r\nBcc: someone@example.org")
    notices.alarm(lost.pk)
    assert mail.outbox[0].subject == f"{lost.reference}: Adatum Bcc: someone@example.org is without a trunk"
    assert mail.outbox[0].recipients() == [supervisor.email]


def test_a_mail_server_that_is_down_is_written_down_and_stops_nothing(
    lost: TrunkRequest, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_: object, letters: Sequence[object]) -> int:
        raise ConnectionRefusedError("no mail server")

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", down)
    notices.alarm(lost.pk)
    assert told(lost) == ["notice.sent", "notice.failed"]
    event = audit.history(lost).get(action="notice.failed")
    assert event.comment == "ConnectionRefusedError: no mail server"


def test_without_a_supervisor_the_trail_says_that_nobody_was_told(lost: TrunkRequest) -> None:
    RoleGrant.objects.filter(role=Role.SUPERVISOR).delete()
    notices.alarm(lost.pk)
    notices.alarm(lost.pk)
    assert mail.outbox == []
    assert told(lost) == ["notice.failed"]


def test_it_leaves_quietly_when_there_is_nothing_to_tell(lost: TrunkRequest, supervisor: User) -> None:
    notices.alarm(lost.pk + 1)
    listed(lost.sub_account, "18888124")
    notices.alarm(lost.pk)
    assert mail.outbox == []
    assert told(lost) == []


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


def test_the_sweep_rings_for_an_alarm_whose_ring_was_lost(
    lost: TrunkRequest, supervisor: User, rung: Rings
) -> None:
    notices.sweep()
    assert rung == [(dispatch.ALARM, lost.pk)]
    notices.alarm(lost.pk)
    notices.sweep()
    assert len(rung) == 1


def lose(zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch) -> TrunkRequest:
    """Have a change lose the customer's trunk: the master trunk vanishes between its two steps."""
    old, new = zoom.trunk.prefix + "777", zoom.trunk.prefix + "888"
    provisioning.provision(zoom.approved(staff, supervisor, old).pk)
    line = filing.LineDraft(zoom.trunk, new, "", old)
    draft = filing.Draft(zoom.sub, "change", "Customer asked", "", [line])
    trunk_request = cast.approved(filing.file(draft, actor=staff), supervisor)
    zoom.before_post(monkeypatch, zoom.remove_trunk)
    provisioning.provision(trunk_request.pk)
    trunk_request.refresh_from_db()
    return trunk_request


def test_a_request_that_settles_without_a_trunk_rings_the_alarm(
    zoom: Zoom, staff: User, supervisor: User, rung: Rings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = lose(zoom, staff, supervisor, monkeypatch)
    assert (dispatch.ALARM, trunk_request.pk) in rung
    assert [ring for ring in rung if ring[0] == dispatch.ALARM] == [(dispatch.ALARM, trunk_request.pk)]


def test_a_retry_that_fails_again_tells_again_and_one_that_succeeds_ends_the_alarm(
    zoom: Zoom, staff: User, supervisor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk_request = lose(zoom, staff, supervisor, monkeypatch)
    notices.alarm(trunk_request.pk)
    for expected in (2, 2):
        provisioning.retry(trunk_request, actor=supervisor, version=trunk_request.version)
        assert list(access.without_trunk_for(staff)) == [trunk_request], "nothing is mended by asking"
        provisioning.provision(trunk_request.pk)
        notices.alarm(trunk_request.pk)
        assert len(mail.outbox) == expected
        trunk_request.refresh_from_db()
        zoom.put_trunk_back()
    assert trunk_request.state == State.DONE
    assert not Line.objects.filter(without_trunk=True).exists()
    assert list(access.without_trunk_for(staff)) == []
