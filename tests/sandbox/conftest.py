"""A sandbox per test, and callers that are closed after it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.sandbox.callers import Caller, account_named
from trunks.sandbox.estate import NORTHWIND, DemoCredential
from trunks.sandbox.records import App
from trunks.sandbox.server import Sandbox

Connect = Callable[..., Caller]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Close what was opened, last first."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def sandbox(stack: ExitStack) -> Sandbox:
    """The demo estate without rate limits."""
    return stack.enter_context(Sandbox(rate_limits=False))


@pytest.fixture
def connect(sandbox: Sandbox, stack: ExitStack) -> Connect:
    """Make callers; another sandbox may be named."""

    def make(known: DemoCredential | App = NORTHWIND, other: Sandbox | None = None) -> Caller:
        caller = Caller(other or sandbox, known)
        stack.callback(caller.close)
        return caller

    return make


@pytest.fixture
def caller(connect: Connect) -> Caller:
    """Northwind Telecom."""
    return connect()


@pytest.fixture
def sub(sandbox: Sandbox) -> str:
    """A sub account of Northwind Telecom without trunks."""
    return account_named(sandbox, "Fourth Coffee")
