"""Where events are streamed to: files that are rotated, syslog by datagrams and by a stream, and what goes wrong."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trunks import mounts, receivers
from trunks.receivers import File, Line, NotAReceiver, Tcp, Udp

MOMENT = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)


def line(text: str, *, amiss: bool = False, short: str = "short") -> Line:
    return Line(MOMENT, "request.filed", amiss, text, short)


@contextmanager
def listening(kind: socket.SocketKind) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        yield server


@contextmanager
def collector(*, rude: bool = False) -> Iterator[tuple[int, list[bytes]]]:
    """Run a syslog server that takes one connection, reads all of it, and ends it: in order, or by a reset."""
    heard: list[bytes] = []
    with listening(socket.SOCK_STREAM) as server:
        server.listen()

        def serve() -> None:
            link, _ = server.accept()
            with link:
                if rude:
                    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    return
                while part := link.recv(65536):
                    heard.append(part)
                link.sendall(b"bye")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(5)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("file:///var/log/portal/audit.jsonl", File(Path("/var/log/portal/audit.jsonl"))),
        ("syslog://siem.example.org:514", Udp("siem.example.org", 514)),
        ("syslog+tcp://[::1]:601/", Tcp("::1", 601)),
    ],
)
def test_an_address_names_its_receiver(address: str, expected: object) -> None:
    assert receivers.receiver(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        *("", "audit.jsonl", "file://host/path", "file:///", "http://siem:514", "syslog://siem"),
        *("syslog://siem..example.org:514", f"syslog://{'a' * 64}:514"),
        *("syslog://user:word@siem:514", "syslog://siem:514/x", "syslog://siem:x", "syslog://[siem:514"),
    ],
)
def test_no_other_address_is_taken(address: str) -> None:
    with pytest.raises(NotAReceiver, match="must be file:///"):
        receivers.receiver(address)


def test_a_file_gets_one_line_for_each_event_and_is_not_for_everybody_to_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    File(path).deliver([line("{1}"), line("{2}")])
    File(path).deliver([line("{3}")])
    assert path.read_text() == "{1}\n{2}\n{3}\n"
    assert path.stat().st_mode & 0o007 == 0


def test_a_file_that_was_rotated_away_is_left_alone_and_a_new_one_begun(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    File(path).deliver([line("{1}")])
    path.rename(tmp_path / "audit.jsonl.1")
    File(path).deliver([line("{2}")])
    assert (tmp_path / "audit.jsonl.1").read_text() == "{1}\n"
    assert path.read_text() == "{2}\n"


def test_a_file_that_was_copied_and_emptied_goes_on_at_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    File(path).deliver([line("{1}")])
    os.truncate(path, 0)
    File(path).deliver([line("{2}")])
    assert path.read_bytes() == b"{2}\n"


def test_what_a_crash_has_cut_off_spoils_no_line_after_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{1}\n{"half')
    File(path).deliver([line("{2}")])
    assert path.read_text() == '{1}\n{"half\n{2}\n'


def test_a_full_disk_is_an_error_and_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int, __: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="No space"):
        File(tmp_path / "audit.jsonl").deliver([line("{1}")])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_write_that_takes_only_a_part_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, content: whole(file, content[:2]))
    File(tmp_path / "audit.jsonl").deliver([line("{12345}")])
    monkeypatch.undo()
    assert (tmp_path / "audit.jsonl").read_text() == "{12345}\n"


def test_datagrams_carry_one_event_each_and_the_short_line_of_one_that_is_too_long() -> None:
    with listening(socket.SOCK_DGRAM) as server:
        lines = [line("{1}"), line("x" * 70_000, amiss=True)]
        Udp("127.0.0.1", server.getsockname()[1]).deliver(lines)
        first, second = server.recv(65536), server.recv(65536)
    host = socket.gethostname()
    assert first.decode() == f"<110>1 2026-11-26T10:00:00+00:00 {host} portal - request.filed - {{1}}"
    assert second.decode() == f"<109>1 2026-11-26T10:00:00+00:00 {host} portal - request.filed - short"


def test_a_host_that_is_not_there_is_an_error() -> None:
    with pytest.raises(socket.gaierror):
        Udp("no-such-host.invalid", 514).deliver([line("{1}")])
    with listening(socket.SOCK_STREAM) as server:
        port = server.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        Tcp("127.0.0.1", port).deliver([line("{1}")])


def test_a_stream_carries_each_event_with_its_length_before_it() -> None:
    with collector() as (port, heard):
        Tcp("127.0.0.1", port).deliver([line("{1}"), line("{22}")])
    framed = [receivers.framed(line(text), text) for text in ("{1}", "{22}")]
    expected = b"".join(str(len(message)).encode() + b" " + message for message in framed)
    assert b"".join(heard) == expected


def test_a_server_that_breaks_off_has_not_got_the_batch() -> None:
    with collector(rude=True) as (port, _), pytest.raises(ConnectionError):
        Tcp("127.0.0.1", port).deliver([line("x" * 9_000_000)])


def test_a_server_that_never_ends_the_connection_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "TIMEOUT_SECONDS", 0.2)
    with listening(socket.SOCK_STREAM) as server:
        server.listen()
        with pytest.raises(TimeoutError):
            Tcp("127.0.0.1", server.getsockname()[1]).deliver([line("{1}")])


def test_a_host_name_that_is_no_word_of_ascii_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "ü \n")
    assert receivers.framed(line("{1}"), "{1}").split()[2] == b"-"


def test_a_file_whose_folder_does_not_answer_is_one_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back, opened = threading.Event(), os.open

    def hang(path: str, flags: int, mode: int = 0o777) -> int:
        back.wait(30)
        return opened(path, flags, mode)

    monkeypatch.setattr(mounts, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(os, "open", hang)
    with pytest.raises(OSError, match="no answer"):
        File(tmp_path / "audit.jsonl").deliver([line("{1}")])
    back.set()
    mounts._waiting[tmp_path].join(10)
    assert (tmp_path / "audit.jsonl").read_text() == "{1}\n"
