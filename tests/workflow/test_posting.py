"""Where webhooks may lead: judged by the address that is connected to, not by the name."""

import ipaddress
import socket
from typing import Any

import pytest
from pytest_django import Settings

from tests.zoom.loopback import Loopback, answer
from trunks.workflow import posting


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:0:7f00:1::",
        "::127.0.0.1", "::a9fe:a9fe", "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1", "fec0::1", "3fff::1", "192.0.0.192",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not posting.is_public(ipaddress.ip_address(address))
    with pytest.raises(posting.Forbidden):
        posting.check(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_allowed(address: str) -> None:
    posting.check(address)


def test_a_zone_in_an_address_does_not_hide_it() -> None:
    with pytest.raises(posting.Forbidden):
        posting.check("fe80::1%eth0")


def test_a_name_that_leads_to_the_loopback_interface_gets_no_connection() -> None:
    with Loopback(answer(200)) as server:
        for host in ("localhost", "127.0.0.1"):
            with pytest.raises(
                posting.NotDelivered, match=r"^It could not be reached: .* not a public address"
            ):
                posting.post(f"http://{host}:{server.port}/", b"{}", {})
        assert server.connections == 0


def test_a_name_that_changes_its_mind_is_judged_by_what_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter(["93.184.216.34", "127.0.0.1"])

    def rebind(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), 443))]

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    assert socket.getaddrinfo("hooks.example.org", 443)[0][4][0] == "93.184.216.34"
    with pytest.raises(posting.NotDelivered, match=r"127\.0\.0\.1 is not a public address"):
        posting.post("https://hooks.example.org/", b"{}", {})


def test_the_setting_allows_it_and_the_answer_is_cut_short(settings: Settings) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Loopback(answer(200, b"x" * 20_000)) as server:
        reply = posting.post(f"{server.url}/hook", b'{"a":1}', {"Content-Type": "application/json"})
    assert (reply.status, reply.good, len(reply.text)) == (200, True, posting.ANSWER_SHOWN)
    assert server.requests[0].startswith(b"POST /hook HTTP/1.1")
    assert server.requests[0].endswith(b'{"a":1}')


def test_a_redirect_is_not_followed(settings: Settings) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Loopback(answer(302, b"", Location="http://127.0.0.1:1/")) as server:
        reply = posting.post(server.url, b"{}", {})
    assert (reply.status, reply.good) == (302, False)
    assert server.connections == 1


def test_a_proxy_of_the_environment_is_not_used(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with Loopback(answer(204)) as server:
        assert posting.post(server.url, b"{}", {}).good


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://hooks.example.org/portal?x=1", ""),
        ("https://8.8.8.8/", ""),
        ("http://hooks.example.org/", "It must begin with https://."),
        ("http://127.0.0.1/", "It must begin with https://."),
        ("ftp://hooks.example.org/", "It must begin with https://."),
        ("https://127.0.0.1/", "Private, loopback and link-local addresses are refused."),
        ("https://[::1]/", "Private, loopback and link-local addresses are refused."),
        ("https://a:b@hooks.example.org/", "It must hold no credentials and no fragment."),
        ("https://hooks.example.org/#x", "It must hold no credentials and no fragment."),
        ("https://hooks example.org/", "This is not a web address."),
        ("https://hooks.example.org:0/", "This is not a web address."),
        ("https://hooks.example.org:x/", "This is not a web address."),
        ("https://[/", "This is not a web address."),
        ("", "This is not a web address."),
    ],
)
def test_an_address_is_looked_at_when_it_is_typed(url: str, words: str) -> None:
    assert posting.url_problem(url) == words


def test_with_the_setting_the_loopback_interface_and_private_addresses_are_taken(settings: Settings) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    assert posting.url_problem("http://127.0.0.1:8080/hook") == ""
    assert posting.url_problem("https://10.1.2.3/hook") == ""
    assert posting.url_problem("http://10.1.2.3/hook") == "It must begin with https://."


NO_HOSTS = ["https://*.example.com/", "https://.example.com/", "https://１２７.０.０.１/", "https://[v1.a]/"]


@pytest.mark.parametrize("url", NO_HOSTS)
def test_an_address_that_nothing_can_be_sent_to_is_refused_and_no_error_of_the_worker(url: str) -> None:
    assert posting.url_problem(url) == posting.NO_ADDRESS
    with pytest.raises(posting.NotDelivered, match=posting.NO_ADDRESS):
        posting.post(url, b"{}", {})


def test_who_does_not_answer_is_not_called_zoom(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Loopback(b"rubbish\r\n\r\n") as server, pytest.raises(posting.NotDelivered) as odd:
        posting.post(f"{server.url}/hook", b"{}", {})
    monkeypatch.setattr(posting, "SECONDS", 0.3)
    with (
        Loopback(b"") as server,
        pytest.raises(posting.NotDelivered, match=r"^It did not answer") as silent,
    ):
        posting.post(f"{server.url}/hook", b"{}", {})
    assert "Zoom" not in f"{silent.value} {odd.value}"
