"""Sessions in the database, as Django keeps them; every page asks for one, so the query for it is compiled once."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models import DateTimeField
from django.utils import timezone

from trunks.compiled import Param, Rows

_SESSION: Rows[Session] = Rows(
    lambda: Session.objects.filter(session_key=Param("key"), expire_date__gt=Param("now", DateTimeField()))
)


class SessionStore(db.SessionStore):
    """One session. Nothing is kept in the process: one that has been ended elsewhere is ended here."""

    def _get_session_from_db(self) -> Any:
        found = _SESSION(key=self.session_key, now=timezone.now())
        if found:
            return found[0]
        self._session_key = None
        return None
