"""What machines ask about the portal."""

from datetime import timedelta
from unittest import mock

import pytest
from django.conf import settings as configured
from django.db import connection
from django.db.utils import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from trunks import dispatch
from trunks.models import Heartbeat, TrunkRequest, clock


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Return what decides whether the broker is there."""
    answer = {"reachable": True}
    monkeypatch.setattr(dispatch, "broker_reachable", lambda _: answer["reachable"])
    return answer


@pytest.fixture
def worker(db: None) -> Heartbeat:
    return Heartbeat.objects.create(name="worker", at=timezone.now())


def test_the_process_is_up_without_asking_the_database(
    client: Client, db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.cookies[configured.SESSION_COOKIE_NAME] = "a-session-that-is-not-looked-up"
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"ok\n", "text/plain")


def test_the_portal_is_ready_when_database_broker_and_worker_are_there(
    client: Client, worker: Heartbeat, broker: dict[str, bool]
) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    facts = {name: value for name, value in answer.json().items() if name != "warnings"}
    assert facts == {"ready": True, "database": True, "broker": True, "worker": True}


def test_without_a_broker_it_is_not_ready(client: Client, worker: Heartbeat, broker: dict[str, bool]) -> None:
    broker["reachable"] = False
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["broker"]) == (503, False)


def test_without_a_worker_seen_lately_it_is_not_ready(
    client: Client, worker: Heartbeat, broker: dict[str, bool], settings: Settings
) -> None:
    patience = 3 * settings.SWEEP_SECONDS + 10
    Heartbeat.objects.update(at=timezone.now() - timedelta(seconds=patience - 5))
    assert client.get("/readyz").status_code == 200
    Heartbeat.objects.update(at=timezone.now() - timedelta(seconds=patience + 5))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["worker"]) == (503, False)


def test_a_heartbeat_of_another_process_is_not_a_worker(
    client: Client, db: None, broker: dict[str, bool]
) -> None:
    Heartbeat.objects.create(name="beat", at=timezone.now())
    assert client.get("/readyz").json()["worker"] is False


def test_without_a_database_it_says_so_and_nothing_more(
    client: Client, db: None, broker: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("connection to db.internal failed for user portal")

    with monkeypatch.context() as broken:
        broken.setattr(connection, "cursor", fail)
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "database": False, "broker": True, "worker": False}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_is_read_and_not_cached(
    client: Client, worker: Heartbeat, broker: dict[str, bool], path: str
) -> None:
    assert client.post(path).status_code == 405
    assert "no-cache" in client.get(path)["Cache-Control"]


def test_metrics_count_requests_by_state_and_the_age_of_what_waits(
    client: Client, trunk_request: TrunkRequest, worker: Heartbeat
) -> None:
    TrunkRequest.objects.update(changed_at=timezone.now() - timedelta(seconds=505))
    Heartbeat.objects.update(at=timezone.now() - timedelta(seconds=35))
    Heartbeat.objects.create(name=Heartbeat.DIGEST_LETTERS, at=timezone.now() - timedelta(hours=1))
    lines = dict(line.rsplit(" ", 1) for line in client.get("/metrics").content.decode().splitlines())
    assert lines['portal_requests{state="pending"}'] == "1.0"
    assert lines['portal_requests{state="unconfirmed"}'] == "0.0"
    assert 500 <= float(lines['portal_oldest_request_seconds{state="pending"}']) < 600
    assert lines['portal_oldest_request_seconds{state="approved"}'] == "0.0"
    assert 30 <= float(lines['portal_heartbeat_age_seconds{name="worker"}']) < 100
    assert len([name for name in lines if "heartbeat_age_seconds{" in name]) == 1, "of processes alone"


@pytest.mark.parametrize("hours", [-1, 1])
def test_ages_are_told_by_the_clock_that_wrote_the_moments(
    client: Client, worker: Heartbeat, hours: int
) -> None:
    Heartbeat.objects.update(at=clock.after(-35))
    with mock.patch.object(timezone, "now", return_value=timezone.now() + timedelta(hours=hours)):
        lines = dict(line.rsplit(" ", 1) for line in client.get("/metrics").content.decode().splitlines())
    assert 30 <= float(lines['portal_heartbeat_age_seconds{name="worker"}']) < 100


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("remote", "headers"),
    [
        ("203.0.113.9", {}),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}),
        ("", {}),
        ("203.0.113.9", {"Authorization": "Bearer wrong"}),
        ("203.0.113.9", {"Authorization": "Bearer "}),
        ("203.0.113.9", {"Authorization": "Bearer é"}),
    ],
)
@pytest.mark.parametrize("token", ["", "a-token-for-prometheus"])
def test_metrics_are_hidden_from_others(
    client: Client, settings: Settings, remote: str, headers: dict[str, str], token: str
) -> None:
    settings.METRICS_TOKEN = token
    assert client.get("/metrics", REMOTE_ADDR=remote, headers=headers).status_code == 404


@pytest.mark.django_db
def test_metrics_are_shown_to_who_knows_the_token(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "a-token-for-prometheus"
    headers = {"Authorization": "Bearer a-token-for-prometheus"}
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9", headers=headers).status_code == 200


@pytest.fixture
def named(settings: Settings) -> None:
    """Have the portal answer to one name, as in production."""
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://portal.example.org", ["portal.example.org"]


@pytest.mark.parametrize("host", ["10.0.0.7:8000", "127.0.0.1", "[::1]:8000", "localhost:8000"])
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_machines_may_ask_by_address(
    client: Client, worker: Heartbeat, broker: dict[str, bool], named: None, path: str, host: str
) -> None:
    assert client.get(path, headers={"host": host}).status_code == 200


def test_who_names_no_host_is_told_too(client: Client, named: None) -> None:
    assert client.get("/healthz", SERVER_NAME="127.0.0.1").status_code == 200


@pytest.mark.parametrize(
    ("path", "host"),
    [("/metrics", "elsewhere.example"), ("/healthz", "127.0.0.1.example"), ("/accounts/login/", "127.0.0.1")],
)
def test_another_name_is_none_of_the_portals_and_pages_need_the_name(
    client: Client, db: None, named: None, path: str, host: str
) -> None:
    assert client.get(path, headers={"host": host}).status_code == 400
