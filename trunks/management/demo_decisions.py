"""What the demo shows of deciding: in another's right, in an author's browser, for later, and where Zoom has moved."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from trunks import context
from trunks.management.demo_requests import Desk
from trunks.models import TrunkRequest, User
from trunks.models.webhook import HOOK_TOPICS
from trunks.workflow import browsers, preview, provisioning, review, webhooks


def make(progress: Callable[[str], object]) -> None:
    """File and decide what the pages of decisions are to be looked at with. Comes after the delegation is made."""
    desk = Desk("staff@example.com", "supervisor@example.com")
    _add_webhook(progress)
    _for_a_later_day(desk)
    _in_an_authors_browser(desk)
    _in_anothers_right(desk, User.objects.get(email="second-staff@example.com"))
    moved = _moved(desk, "Relecloud", "Data centre moves on Monday")
    unfit = _moved(desk, "School of Fine Art", "Evening classes get a number")
    review.revalidate(unfit, actor=desk.supervisor, version=unfit.version)
    progress(
        f"Zoom has moved under {moved.reference}; {unfit.reference} was validated again and does not fit."
    )


def _add_webhook(progress: Callable[[str], object]) -> None:
    """Have the stand-in for Zoom be told as well: it takes what it is sent, as a ticket system would."""
    if not settings.WEBHOOK_ALLOW_PRIVATE:
        progress("No webhook: without WEBHOOK_ALLOW_PRIVATE none leads to this machine.")
        return
    address = settings.ZOOM_API_URL.removesuffix("/v2") + "/_sandbox/webhook"
    topics = [topic.value for topic in HOOK_TOPICS]
    administrator = User.objects.get(email="admin@example.com")
    webhooks.add(name="Ticket system (the stand-in)", url=address, topics=topics, actor=administrator)


def _for_a_later_day(desk: Desk) -> None:
    """Approve something that is not to be sent before its change window, so that it waits as approved."""
    opens = (timezone.now() + timedelta(days=3)).replace(hour=20, minute=0, second=0, microsecond=0)
    trunk_request = desk.file("Parnell Aerospace", "Cut-over outside production hours", not_before=opens)
    review.approve(trunk_request, actor=desk.supervisor, version=trunk_request.version)


def _in_an_authors_browser(desk: Desk) -> None:
    """Decide in the browser in which the request was filed: allowed unless configured otherwise, and marked."""
    trunk_request = desk.file("Southridge Video", "Studio line")
    with context.bound(context.Context(browser=secrets.token_hex(16))):
        browsers.note(desk.staff)
        desk.carry_out(trunk_request)


def _in_anothers_right(desk: Desk, stand_in: User) -> None:
    trunk_request = desk.file("Margie's Travel", "Booking hotline")
    comment = "Agreed with Sue by phone."
    review.approve(trunk_request, actor=stand_in, version=trunk_request.version, comment=comment)
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(next_attempt_at=None)
    provisioning.provision(trunk_request.pk)


def _moved(desk: Desk, customer: str, reason: str) -> TrunkRequest:
    """Have somebody assign the DNIS in Zoom's console after it was asked for, and another sub account get it."""
    trunk_request = desk.file(customer, reason)
    other = desk.account("Lucerne Publishing")
    desk.sandbox(
        "console",
        action="put_trunk",
        account_id=other.zoom_id,
        trunk_id=desk.trunk.zoom_id,
        dnis=trunk_request.lines.get().dnis,
        outbound_caller_id="+14155550177",
    )
    preview.read_anew(other)
    return trunk_request
