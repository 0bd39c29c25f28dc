"""The calls that the tests make, and how they fail."""

from collections.abc import Callable

import pytest

from tests.zoom.conftest import Opened
from tests.zoom.loopback import Loopback, answer
from trunks.zoom.errors import ZoomError
from trunks.zoom.types import Assignment

Serve = Callable[..., Loopback]
Act = Callable[[Opened], object]
LIST = answer(200, {"sip_trunks": []})
ONE = [Assignment("1", "12345")]


def read(client: Opened) -> object:
    return client.list_trunks("sub")


def write(client: Opened) -> object:
    return client.assign_trunks("sub", ONE)


def remove(client: Opened) -> None:
    client.unassign_trunk("sub", "1")


def failure(client: Opened, act: Act) -> ZoomError:
    with pytest.raises(ZoomError) as caught:
        act(client)
    return caught.value
