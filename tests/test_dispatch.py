"""Ringing a worker: after the commit, and never to the harm of who rings."""

import pytest
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks

from trunks import dispatch

Rings = list[tuple[str, int]]


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_rung_after_the_commit_and_not_before(rung: Rings) -> None:
    with transaction.atomic():
        dispatch.ring(dispatch.PROVISION, 42)
        assert rung == []
    assert rung == [(dispatch.PROVISION, 42)]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_rings_nobody(rung: Rings) -> None:
    with transaction.atomic():
        dispatch.ring(dispatch.PROVISION, 42)
        transaction.set_rollback(True)
    assert rung == []


@pytest.mark.parametrize(
    "error", [OperationalError("refused"), ConnectionRefusedError(), OSError("disk full")]
)
def test_a_broker_that_is_down_is_logged_and_nothing_else(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def down(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(current_app, "signature", down)
    assert dispatch.ring_now(dispatch.SETTLE, 7) is False
    assert f"No worker could be rung for {dispatch.SETTLE} 7" in caplog.text


@pytest.mark.django_db
def test_a_broker_that_is_down_does_not_reach_who_saved(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    def down(*_: object, **__: object) -> None:
        raise OperationalError("refused")

    monkeypatch.setattr(current_app, "signature", down)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        dispatch.ring(dispatch.PROVISION, 42)
    assert len(callbacks) == 1


def test_a_mistake_of_ours_is_not_taken_for_a_broker_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TypeError("ours")

    monkeypatch.setattr(current_app, "signature", broken)
    with pytest.raises(TypeError):
        dispatch.ring_now(dispatch.PROVISION, 1)


def test_the_broker_of_the_tests_can_be_reached() -> None:
    assert dispatch.broker_reachable()


@pytest.mark.parametrize("error", [OperationalError("refused"), OSError("gone")])
def test_a_broker_that_is_gone_cannot_be_reached(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(**_: object) -> None:
        raise error

    monkeypatch.setattr(current_app, "connection_for_read", gone)
    assert not dispatch.broker_reachable(0.1)
