"""TLS: certificates are verified, a failed handshake means not sent, the deadline holds."""

import datetime
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.zoom.conftest import Open
from tests.zoom.loopback import Loopback, answer
from trunks.zoom.errors import NoAnswer, NotSent
from trunks.zoom.types import Assignment

ONE = [Assignment("1", "12345")]


def certificate(name: str, folder: Path) -> Path:
    """Write a key and a certificate that signs itself, for a name, and return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


class TlsLoopback(Loopback):
    """The loopback server under TLS."""

    def __init__(self, path: Path) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path)
        super().__init__()
        self.url = f"https://localhost:{self.port}"

    def wrap(self, connection: socket.socket) -> ssl.SSLSocket:
        return self.context.wrap_socket(connection, server_side=True)


def test_a_trusted_certificate_is_accepted_and_the_deadline_holds(
    open_client: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = certificate("localhost", tmp_path)
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(path))
    with TlsLoopback(path) as server:
        server.scripts = [answer(201), server.drip(b"HTTP/1.1 200 OK\r\nX: ")]
        open_client(server.url).assign_trunks("sub", ONE)
        began = time.monotonic()
        with pytest.raises(NoAnswer) as caught:
            open_client(server.url, deadline=1).assign_trunks("sub", ONE)
    assert time.monotonic() - began < 10  # the drip has no end, nor has the handshake
    assert caught.value.might_have_happened


def test_the_authorities_are_read_once_and_not_for_each_connection(
    open_client: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = certificate("localhost", tmp_path)
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(path))
    with TlsLoopback(path) as server:
        server.scripts = [answer(201), answer(201), answer(201)]
        open_client(server.url).assign_trunks("sub", ONE)

        def again(*_: object, **__: object) -> None:
            raise AssertionError("read again")

        monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", again)
        client = open_client(server.url)
        client.assign_trunks("sub", ONE)
        client.assign_trunks("sub", ONE)
    assert server.connections == 3


@pytest.mark.parametrize(("name", "trusted"), [("localhost", False), ("zoom.example", True)])
def test_a_certificate_that_is_untrusted_or_for_another_name_means_not_sent(
    open_client: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, trusted: bool
) -> None:
    path = certificate(name, tmp_path)
    if trusted:
        monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(path))
    with TlsLoopback(path) as server, pytest.raises(NotSent, match="certificate verify failed") as caught:
        open_client(server.url).assign_trunks("sub", ONE)
    assert server.requests == []
    assert not caught.value.might_have_happened


def test_a_server_that_speaks_no_tls_means_not_sent(open_client: Open) -> None:
    class PlainLoopback(Loopback):
        def wrap(self, connection: socket.socket) -> socket.socket:
            connection.sendall(answer(400, b"this port speaks plain HTTP"))
            return connection

    with PlainLoopback() as server, pytest.raises(NotSent):
        open_client(server.url.replace("http:", "https:")).assign_trunks("sub", ONE)


def test_a_handshake_that_never_ends_means_not_sent(
    open_client: Open, serve: Callable[..., Loopback]
) -> None:
    client = open_client(serve().url.replace("http:", "https:"), deadline=0.2)
    began = time.monotonic()
    with pytest.raises(NotSent):
        client.assign_trunks("sub", ONE)
    assert time.monotonic() - began < 10  # the drip has no end, nor has the handshake
