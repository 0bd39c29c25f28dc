"""The pages of webhooks: for administrators of all master accounts; a secret is shown once."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from tests import cast
from tests.conftest import SignedIn
from trunks.models import Delivery, Role, Sending, User, Webhook
from trunks.workflow import webhooks

GOOD = {"name": "Ticketing", "url": "https://hooks.example.org/portal", "topics": ["asked", "settled"]}


@pytest.fixture
def hook(administrator: User) -> Webhook:
    return webhooks.add(**GOOD, actor=administrator)  # type: ignore[arg-type]


@pytest.fixture
def client(signed_in: SignedIn, administrator: User) -> Client:
    return signed_in(administrator)


def shown(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_adding_one_shows_its_secret_once(client: Client) -> None:
    assert "No webhook yet" in shown(client, "/webhooks/")
    response = client.post("/webhooks/", GOOD)
    hook = Webhook.objects.get()
    assert response.status_code == 200
    assert hook.secret in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    for address in ("/webhooks/", f"/webhooks/{hook.pk}/"):
        content = shown(client, address)
        assert "https://hooks.example.org/portal" in content
        assert hook.secret not in content


def test_every_problem_is_said_and_what_was_typed_is_kept(client: Client) -> None:
    response = client.post("/webhooks/", {"name": "", "url": "http://10.0.0.1/x"})
    assert response.status_code == 422
    content = response.content.decode()
    for words in (
        "Give it a name",
        "It must begin with https://",
        "Choose what it is notified of",
        "http://10.0.0.1/x",
    ):
        assert words in content
    response = client.post("/webhooks/", GOOD | {"topics": ["everything"]})
    assert response.status_code == 422


def test_a_new_secret_is_shown_once(client: Client, hook: Webhook) -> None:
    was = hook.secret
    content = client.post(f"/webhooks/{hook.pk}/secret/").content.decode()
    hook.refresh_from_db()
    assert hook.secret != was
    assert hook.secret in content


def test_it_is_switched_and_tested_from_its_page(client: Client, hook: Webhook) -> None:
    address = f"/webhooks/{hook.pk}/"
    assert "A test is on its way." in client.post(f"{address}test/", follow=True).content.decode()
    content = shown(client, address)
    assert "webhook.test" in content
    assert "Next try" in content
    assert "switched off" in client.post(f"{address}off/", follow=True).content.decode()
    late = client.post(f"{address}off/")
    assert late.status_code == 409
    assert f'href="{address}">Go to the webhook</a>' in late.content.decode()
    assert client.post(f"{address}test/").status_code == 409
    assert "switched on" in client.post(f"{address}on/", follow=True).content.decode()


def test_a_delivery_is_sent_again_and_who_comes_second_is_told(client: Client, hook: Webhook) -> None:
    made = webhooks.send_test(hook, actor=hook.made_by)
    Delivery.objects.update(sending=Sending.FAILED, status=500, answer="<oops>", problem="It answered 500.")
    content = shown(client, f"/webhooks/{hook.pk}/")
    assert "Given up" in content
    assert "&lt;oops&gt;" in content
    again = f"/webhooks/deliveries/{made.pk}/again/"
    assert "sent again now" in client.post(again, follow=True).content.decode()
    Delivery.objects.update(lease_until="2100-01-01T00:00Z")
    late = client.post(again)
    assert late.status_code == 409
    assert f'href="/webhooks/{hook.pk}/">Go to the webhook</a>' in late.content.decode()


def test_a_switched_off_webhook_promises_no_delivery(client: Client, hook: Webhook) -> None:
    made = webhooks.send_test(hook, actor=hook.made_by)
    Delivery.objects.update(next_attempt_at="2026-01-01T00:00Z")
    assert "Next try <time" in (overdue := shown(client, f"/webhooks/{hook.pk}/"))
    assert ">as soon as a worker is free</time>" in overdue
    webhooks.switch_off(hook, actor=hook.made_by)
    content = shown(client, f"/webhooks/{hook.pk}/")
    assert "Waits until the webhook is switched on" in content
    assert "Next try" not in content
    again = client.post(f"/webhooks/deliveries/{made.pk}/again/", follow=True).content.decode()
    assert "The delivery is sent again when the webhook is switched on." in again


@pytest.mark.parametrize("who", ["staff", "supervisor", "manager", "stranger", "local"])
def test_others_are_refused(
    signed_in: SignedIn, request: pytest.FixtureRequest, hook: Webhook, estate: cast.Estate, who: str
) -> None:
    local = cast.person("Olga Other", Role.ADMINISTRATOR, master=estate.master)
    other = signed_in(local if who == "local" else request.getfixturevalue(who))
    assert other.get("/webhooks/").status_code == 403
    for rest in ("", "test/", "off/", "on/", "secret/"):
        method = other.post if rest else other.get
        assert method(f"/webhooks/{hook.pk}/{rest}").status_code == 403
    assert other.post("/webhooks/deliveries/1/again/").status_code == 403


def test_what_does_not_exist_is_404_and_looking_changes_nothing(client: Client, hook: Webhook) -> None:
    assert client.get(f"/webhooks/{hook.pk + 1}/").status_code == 404
    assert client.get(f"/webhooks/{hook.pk}/off/").status_code == 405
    assert client.post(f"/webhooks/{hook.pk}/").status_code == 405


def test_the_pages_have_a_fixed_number_of_queries(
    client: Client,
    hook: Webhook,
    administrator: User,
    settings: Settings,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(6):
        webhooks.add(name=f"Hook {number}", url=GOOD["url"], topics=["asked"], actor=administrator)  # type: ignore[arg-type]
        webhooks.send_test(hook, actor=administrator)
    for address in ("/webhooks/", f"/webhooks/{hook.pk}/"):
        with django_assert_max_num_queries(10):
            shown(client, address)
