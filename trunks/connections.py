"""A master account in, a configured Zoom client out; and the one token that all processes share."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.db.models import F, Q

from trunks.compiled import Param, Rows
from trunks.models import TOKENS, MasterAccount, NoRoom, RateBudget, ZoomToken, clock
from trunks.turns import INTERACTIVE, WORK, Turns, Urgency, held_back, slow_down
from trunks.zoom.auth import MemoryTokenStore, ServerToServerAuth, TokenStore
from trunks.zoom.client import ZoomClient
from trunks.zoom.errors import RateLimited, ZoomError
from trunks.zoom.hooks import no_objection, no_record, no_verdict
from trunks.zoom.types import Call, Token

POLL_SECONDS = 0.05


def always() -> None:
    """Let every call leave."""


def client_for(
    master: MasterAccount,
    *,
    urgency: Urgency = WORK,
    observe: Callable[[Call], None] = no_record,
    before_sending: Callable[[], None] = always,
    before_write: Callable[[], None] = no_objection,
    ended: Callable[[ZoomError | None], None] = no_verdict,
) -> ZoomClient:
    """Return a client that speaks for `master`; `observe` is told of each call. Close it after use.

    Everything but tests gets it through `workflow.speaking`, which knows when to keep quiet.

    Each call waits for its turn in the account's rate budget, as long as `urgency` allows: HeldBack otherwise.
    `before_sending` is called right before each call leaves, when its turn has come; it may raise to keep the call
    from being sent.
    """
    turns = Turns(master, urgency)

    def seen(call: Call) -> None:
        turns.learn(call)
        observe(call)

    return ZoomClient(
        api_url=settings.ZOOM_API_URL,
        auth=_auth(master.zoom_id, master.client_id, master.client_secret, DatabaseTokenStore(master)),
        deadline=settings.HTTP_DEADLINE_SECONDS,
        turn=turns.wait,
        observe=seen,
        brake=turns.brake,
        before_write=before_write,
        before_sending=before_sending,
        ended=ended,
    )


def client_of(account_id: str, client_id: str, client_secret: str) -> ZoomClient:
    """Return a client for credentials that are not stored yet, to be tried out while somebody waits.

    An account that is connected already has a budget, which these calls are part of as well.
    """
    known = MasterAccount.objects.filter(zoom_id=account_id).first()
    turns = Turns(known, INTERACTIVE)
    return ZoomClient(
        api_url=settings.ZOOM_API_URL,
        auth=_auth(account_id, client_id, client_secret, MemoryTokenStore()),
        deadline=settings.HTTP_DEADLINE_SECONDS,
        turn=turns.wait,
        observe=turns.learn,
        brake=turns.brake,
    )


def _auth(account_id: str, client_id: str, client_secret: str, tokens: TokenStore) -> ServerToServerAuth:
    return ServerToServerAuth(
        token_url=settings.ZOOM_OAUTH_URL,
        account_id=account_id,
        client_id=client_id,
        client_secret=client_secret,
        tokens=tokens,
        deadline=settings.HTTP_DEADLINE_SECONDS,
    )


_TOKEN = Rows(lambda: ZoomToken.objects.filter(master=Param("master")))


class DatabaseTokenStore:
    """Keeps one token per master account for all processes; of many that want it renewed, one asks Zoom.

    Under Zoom's older rule each new token killed the one before, under the newer one several live beside each other;
    sharing one satisfies both.
    """

    def __init__(self, master: MasterAccount) -> None:
        self._master = master

    def current(self) -> Token | None:
        """Return the shared token while it lives, else None."""
        rows = _TOKEN(master=self._master.pk)
        return _living(rows[0]) if rows else None

    def renew(self, stale: Token | None, fetch: Callable[[], Token]) -> Token:
        """Return a token other than `stale`: another process's new one, or the one `fetch` gets now.

        Who renews holds a lease, so that a process that dies while asking does not keep the others waiting.
        """
        while True:
            # Each time anew: changed credentials or keys delete the row, under those who wait for it too.
            row, _ = ZoomToken.objects.get_or_create(master=self._master)
            token = _living(row)
            if token and (stale is None or token.value != stale.value):
                return token
            if self._may_renew(row):
                return self._renewed(row, fetch)
            time.sleep(POLL_SECONDS)

    def set_aside(self, outdated: str) -> None:
        """Give the token of that value to nobody who asks from now on; whoever has it already goes on with it."""
        row = ZoomToken.objects.filter(master=self._master).first()
        if row is not None and row.value == outdated:
            ZoomToken.objects.filter(pk=row.pk, serial=row.serial).update(expires_at=0)

    def _may_renew(self, row: ZoomToken) -> bool:
        lease = settings.HTTP_DEADLINE_SECONDS * 1.2
        free = Q(renewing_until=None) | Q(renewing_until__lt=clock.now())
        # Further ahead than any lease is: the database's clock was set back after whoever had it was lost.
        free |= Q(renewing_until__gt=clock.after(2 * lease))
        mine = ZoomToken.objects.filter(free, pk=row.pk, serial=row.serial)
        return bool(mine.update(renewing_until=clock.after(lease)))

    def _renewed(self, row: ZoomToken, fetch: Callable[[], Token]) -> Token:
        mine = ZoomToken.objects.filter(pk=row.pk, serial=row.serial)
        try:
            token = self._fetched(fetch)
        except BaseException:
            mine.update(renewing_until=None)
            raise
        mine.update(
            value=token.value,
            scope=token.scope,
            expires_at=token.expires_at,
            serial=F("serial") + 1,
            renewing_until=None,
        )
        return token

    def _fetched(self, fetch: Callable[[], Token]) -> Token:
        """Return what `fetch` gets. Raises HeldBack when Zoom has answered somebody else's with a 429 lately.

        All wait for the one token, so that without this each of them would ask in turn, and be told the same.
        """
        try:
            RateBudget.take(self._master, TOKENS, longest=POLL_SECONDS)
        except NoRoom as error:
            raise held_back(TOKENS, error.wait) from error
        try:
            return fetch()
        except RateLimited as error:
            slow_down(self._master, TOKENS, error.wait)
            raise


def _living(row: ZoomToken) -> Token | None:
    if not row.value or row.expires_at <= time.time():
        return None
    return Token(value=row.value, expires_at=row.expires_at, scope=row.scope)


def forget_token(master: MasterAccount) -> None:
    """Drop the shared token, so that changed credentials are used at once."""
    ZoomToken.objects.filter(master=master).delete()
