"""What the audit trail says about signing in: who, how, and who could not."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from allauth.usersessions.models import UserSession
from django.core.cache import cache

from trunks import audit, context
from trunks.actions import Action, Outcome
from trunks.models import User
from trunks.workflow import browsers

HELD_BACK_SECONDS = 300


def signed_in(*, actor: User, by: Sequence[str]) -> None:
    with audit.change():
        browsers.note(actor)
        _record(Action.SIGNED_IN, actor, after={"by": list(by)})


def confirmed(*, actor: User, by: str) -> None:
    _record(Action.IDENTITY_CONFIRMED, actor, after={"by": by})


def signed_out(*, actor: User, session_key: str | None) -> None:
    """Write down that the person has signed out, and take the session off the list of theirs."""
    with audit.change():
        UserSession.objects.filter(user=actor, session_key=session_key).delete()
        browsers.note(actor)
        _record(Action.SIGNED_OUT, actor)


def others_ended(*, actor: User, number: int) -> None:
    _record(Action.OTHER_SESSIONS_ENDED, actor, after={"sessions_ended": number})


def failed(email: str, *, why: str = "") -> None:
    """Write down that somebody could not sign in as `email`.

    An address that nobody has is kept as a digest alone: people type their passwords into the wrong field.
    """
    person = _meant(email)
    why = why or ("wrong e-mail or password" if person.is_active else "the account is deactivated")
    _record(Action.SIGN_IN_FAILED, None, on=person, why=why)


def held_back(about: User | str, *, what: str) -> None:
    """Record that sign-in attempts are no longer checked: once in a while for the same person and caller.

    `about` is the person who tries, or the e-mail address given; `what` is what is being tried. Recording every attempt
    would let anybody fill the trail. All addresses that nobody has count as one, because they cost nothing to make up.
    """
    on = about if isinstance(about, User) else _meant(about)
    series = _digest(f"{what} {on.pk} {context.current().ip}")
    if cache.add(f"held-back:{series}", True, HELD_BACK_SECONDS):
        why = f"too many tries: {what}"
        comment = f"More of them from there within {HELD_BACK_SECONDS // 60} minutes are not told one by one."
        _record(Action.TRIES_HELD_BACK, None, on=on, why=why, comment=comment)


def not_confirmed(person: User) -> None:
    _record(Action.IDENTITY_NOT_CONFIRMED, None, on=person, why="wrong password")


def factor_added(*, actor: User, kind: str) -> None:
    _record(Action.FACTOR_ADDED, actor, after={"kind": kind})


def factor_removed(*, actor: User, kind: str) -> None:
    _record(Action.FACTOR_REMOVED, actor, before={"kind": kind})


def factor_renamed(*, actor: User, before: str, after: str) -> None:
    _record(Action.FACTOR_RENAMED, actor, before={"name": before}, after={"name": after})


def factor_failed(person: User) -> None:
    _record(Action.FACTOR_FAILED, None, on=person, why="wrong code or key")


def codes_generated(*, actor: User) -> None:
    _record(Action.RECOVERY_CODES_GENERATED, actor)


def codes_shown(*, actor: User, number: int) -> None:
    """Write down that recovery codes were shown, and how many: whoever saw them can come in by each, once."""
    _record(Action.RECOVERY_CODES_SHOWN, actor, after={"codes": number})


def code_used(*, actor: User, left: int) -> None:
    _record(Action.RECOVERY_CODE_USED, actor, after={"codes_left": left})


def password_changed(*, actor: User, keep: str | None) -> None:
    """Write down that the person has changed their password: sessions other than `keep` are broken by that."""
    with audit.change():
        ended = _end(UserSession.objects.filter(user=actor).exclude(session_key=keep))
        _record(Action.PASSWORD_CHANGED, actor, after={"sessions_ended": ended})


def reset_asked(email: str) -> None:
    """Write down that somebody asked for a new password for `email`, before the letter with the link leaves.

    Who asked is not known. Somebody who is inactive gets no link, and an address that nobody has is kept as a digest.
    """
    person = _meant(email)
    outcome = Outcome.DONE if person.pk and person.is_active else Outcome.REFUSED
    why = "the sign-in page"
    _record(Action.PASSWORD_RESET_ASKED, None, on=person, why=why, outcome=outcome)


def password_reset(person: User) -> None:
    """Write down that somebody with a link from the person's mail has set a new password; all sessions end."""
    with audit.change():
        ended = _end(UserSession.objects.filter(user=person))
        after = {"sessions_ended": ended}
        _record(Action.PASSWORD_RESET, None, on=person, why="link from an e-mail", after=after)


def _record(
    action: Action, actor: User | None, *, on: User | None = None, why: str = "", **more: Any
) -> None:
    about = on or actor
    assert about is not None  # noqa: S101  # for the type checker
    with audit.change():
        audit.record(action, actor=actor, on=about, why=why, **more)


def _meant(email: str) -> User:
    """Return the person with the address, or one without a row, who is named by its digest."""
    address = email.strip().lower()
    nobody = User(pk=0, name=f"unknown address (sha256 {_digest(address)[:12]}…)")
    return User.objects.filter(email=address).first() or nobody


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _end(sessions: Any) -> int:
    """End the sessions and return how many were alive: one's own has a new key by now."""
    found = list(sessions)
    alive = len([session for session in found if session.exists()])
    for session in found:
        session.end()
    return alive
