"""What is done while an answer is waited for: in time, once, and without being taken for the network."""

import socket
import threading

import pytest

from tests.zoom.acts import LIST, Serve
from tests.zoom.conftest import Open
from trunks.zoom.errors import NotSent
from trunks.zoom.meanwhile import idle, meanwhile


class Stopped(BaseException):
    """The process is being ended."""


def test_it_is_done_after_the_call_has_left_and_before_its_answer(open_client: Open, serve: Serve) -> None:
    arrived, done = threading.Event(), threading.Event()

    def answers_when_it_is_done(connection: socket.socket) -> None:
        arrived.set()
        assert done.wait(10)
        connection.sendall(LIST)

    def work() -> None:
        assert arrived.wait(10)
        done.set()

    with meanwhile(work):
        assert open_client(serve(answers_when_it_is_done).url).list_trunks() == []


def test_it_is_done_once_however_many_calls_are_made(open_client: Open, serve: Serve) -> None:
    client, done = open_client(serve(LIST, LIST).url), list[int]()
    with meanwhile(lambda: done.append(len(client.calls))):
        client.list_trunks()
        client.list_trunks()
    assert done == [0]
    assert [call.busy for call in client.calls] == [True, False], (
        "the time of the first tells nothing of the way"
    )


def test_without_anything_to_wait_for_it_is_done_in_the_end() -> None:
    done: list[str] = []
    with meanwhile(lambda: done.append("it")):
        done.append("the rest")
    assert done == ["the rest", "it"]
    assert not idle()


def test_it_is_done_although_the_call_cannot_leave(open_client: Open, serve: Serve) -> None:
    done: list[bool] = []
    server = serve()
    server.close()
    with pytest.raises(NotSent), meanwhile(lambda: done.append(True)):
        open_client(server.url).list_trunks()
    assert done == [True]


@pytest.mark.parametrize("error", [OSError("no room on the disk"), RuntimeError("shut out")])
def test_what_it_raises_is_no_failure_of_the_network(
    open_client: Open, serve: Serve, error: Exception
) -> None:
    def fails() -> None:
        raise error

    client = open_client(serve(LIST).url)
    with pytest.raises(type(error)) as caught, meanwhile(fails):
        client.list_trunks()
    assert caught.value is error


def test_of_a_process_that_is_being_ended_nothing_more_is_asked() -> None:
    done: list[bool] = []
    with pytest.raises(Stopped), meanwhile(lambda: done.append(True)):
        raise Stopped
    assert done == []
