"""Every address, method and caller: the status is the table's, nothing leaks, and looking changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from pytest_django import DjangoDbBlocker, Settings

from portal import adapters
from tests.matrix import accounts, table
from tests.matrix import scene as stage
from tests.matrix.scene import CALLERS, ELSEWHERE, METHODS, NOBODY, ROLELESS, Route, Scene

pytestmark = pytest.mark.django_db

ROUTES = stage.routes()
ROWS = table.ROWS | accounts.ROWS
VISITOR = Client(headers={"user-agent": "matrix"})
SAFE = ("GET", "HEAD", "OPTIONS")
WRITE = re.compile(r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)


@dataclass
class Answer:
    status: int
    body: str
    where: str
    wrote: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def scene(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Scene]:
    """Return one scene for all addresses, since nothing that is asked stays; it is undone with the last of them."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield stage.make()
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _no_proof_grows_old(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The callers sign in once, and on a busy machine the last address is asked long after."""
    settings.STEP_UP_SECONDS = settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 86_400
    monkeypatch.setattr(adapters, "REAUTHENTICATION_SECONDS", 86_400.0)


def ask(scene: Scene, who: str, method: str, path: str) -> Answer:
    """Ask and undo, session and rate limits included: the next caller finds what this one found."""
    # One client for all: a new one would build all the middleware again for each of some ten thousand requests.
    VISITOR.cookies = copy(scene.clients[who].cookies)
    wrote: set[str] = set()
    cache.clear()
    with transaction.atomic(), connection.execute_wrapper(_noting(wrote)):
        form = "application/x-www-form-urlencoded"
        response = VISITOR.generic(method, path, b"", content_type=form)
        body = b"" if response.streaming else response.content
        transaction.set_rollback(True)
    where = response.headers.get("Location", "")
    return Answer(response.status_code, body.decode(errors="replace"), where, wrote)


def _noting(wrote: set[str]) -> Callable[..., Any]:
    def wrapper(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if match := WRITE.match(sql):
            wrote.add(match[1])
        return execute(sql, params, many, context)

    return wrapper


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.pattern or "home")
def test_every_address_answers_every_caller_by_the_table(route: Route, scene: Scene) -> None:
    row = ROWS[route.pattern]
    path = row.address(scene)
    wrong, leaked, changed = {}, set(), set()
    for who in CALLERS:
        for method in METHODS:
            answer = ask(scene, who, method, path)
            expected = row.expected(method)[who]
            if answer.status != expected:
                wrong[method, who] = (answer.status, expected, answer.where)
            if who in ELSEWHERE + ROLELESS + NOBODY and any(mark in answer.body for mark in scene.marks):
                leaked.add((method, who))
            if method in SAFE:
                changed |= {(method, who, table) for table in answer.wrote - row.notes - {"django_session"}}
    assert wrong == {}
    assert leaked == set()
    assert changed == set()


def test_the_table_knows_no_address_that_is_gone() -> None:
    assert ROWS.keys() - {route.pattern for route in ROUTES} == set()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.pattern or "home")
def test_every_form_without_its_token_is_refused(route: Route, scene: Scene) -> None:
    row = ROWS[route.pattern]
    client = Client(enforce_csrf_checks=True)
    client.cookies = copy(scene.clients[row.poster].cookies)
    with transaction.atomic():
        status = client.post(row.address(scene), {}).status_code
        transaction.set_rollback(True)
    assert status == 403
