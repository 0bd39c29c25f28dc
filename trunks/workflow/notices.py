"""Letters about what cannot wait until somebody next looks at the portal."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import mail
from django.db import transaction
from django.urls import reverse

from trunks import audit, dispatch
from trunks.actions import Action
from trunks.models import Line, State, TrunkRequest, User
from trunks.workflow import policy

TIMEOUT_SECONDS = 10.0
BATCH = 50
WHY = "a customer is without a trunk"

logger = logging.getLogger(__name__)


def alarm(pk: int) -> None:
    """Tell the supervisors of the request's master account, once, that a customer is without a trunk.

    That it is sent is written down first, so that two workers cannot both send it. A mail server that does not take
    it is written down as well, and stops nothing: the portal's own pages say the same.
    """
    trunk_request = TrunkRequest.objects.with_names().filter(pk=pk).first()
    lines = list(trunk_request.lines.lost()) if trunk_request else []
    if trunk_request is None or not lines:
        return
    people = policy.supervisors(trunk_request)
    if not _is_first(trunk_request, people):
        return
    try:
        _send(trunk_request, lines, people)
    except OSError as error:
        logger.exception("%s: nobody could be told that a customer is without a trunk.", trunk_request)
        with transaction.atomic():
            _record(Action.NOTICE_FAILED, trunk_request, comment=f"{type(error).__name__}: {error}")


def sweep() -> None:
    """Ring for the alarms of which the ring was lost."""
    lost = TrunkRequest.objects.filter(
        pk__in=Line.objects.lost().values("trunk_request"), state__in=(State.FAILED, State.PARTIAL)
    )
    for trunk_request in lost.order_by("-pk")[:BATCH]:
        if not _is_told(trunk_request):
            dispatch.ring_now(dispatch.ALARM, trunk_request.pk)


def _is_told(trunk_request: TrunkRequest) -> bool:
    """Say whether the supervisors were told, or could not be, since the request last ended."""
    ends = (Action.PROVISIONING_SETTLED, Action.REQUEST_GIVEN_UP)
    notices = (Action.NOTICE_SENT, Action.NOTICE_FAILED)
    last = audit.history(trunk_request).filter(action__in=ends + notices).last()
    return last is not None and last.action in notices


def _is_first(trunk_request: TrunkRequest, people: Sequence[User]) -> bool:
    """Write down that the notice is sent to `people`; say whether there is anybody, and nobody else has done so."""
    with transaction.atomic():
        TrunkRequest.objects.select_for_update().get(pk=trunk_request.pk)
        if _is_told(trunk_request):
            return False
        if people:
            _record(Action.NOTICE_SENT, trunk_request, after={"to": [user.email for user in people]})
        else:
            _record(Action.NOTICE_FAILED, trunk_request, comment="Nobody is supervisor for it.")
        return bool(people)


def _record(action: Action, trunk_request: TrunkRequest, **more: Any) -> None:
    audit.record(action, actor=None, why=WHY, on=trunk_request, **more)


def _send(trunk_request: TrunkRequest, lines: Sequence[Line], people: Sequence[User]) -> None:
    # One letter each: nobody's address is shown to others, and one that is refused does not take the others down.
    text = _text(trunk_request, lines)
    subject = " ".join(f"{trunk_request}: {trunk_request.sub_account} is without a trunk".split())
    letters = [mail.EmailMessage(subject, text, to=[user.email]) for user in people]
    mail.get_connection(timeout=TIMEOUT_SECONDS).send_messages(letters)


def _text(trunk_request: TrunkRequest, lines: Sequence[Line]) -> str:
    address = settings.SITE_URL.rstrip("/") + reverse("request_detail", args=[trunk_request.pk])
    removed = [
        f"{line.current_dnis} was removed. Neither the new values ({_values(line.dnis, line.outbound_caller_id)}) "
        f"nor the old ones ({_values(line.current_dnis, line.current_caller_id)}) could be assigned.\n{line.detail}"
        for line in lines
    ]
    paragraphs = (
        f"{trunk_request.sub_account} is without a trunk (master account {trunk_request.master}).",
        *removed,
        "What to do now: open the request and choose Retry, or assign the trunk in Zoom's console.",
        address,
    )
    return "\n\n".join(paragraphs) + "\n"


def _values(dnis: str, caller_id: str) -> str:
    return f"DNIS {dnis}, caller ID {caller_id}" if caller_id else f"DNIS {dnis}, no caller ID"
