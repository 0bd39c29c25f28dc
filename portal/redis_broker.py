"""The broker on Redis: Kombu's transport, with the holes mended through which a lost Redis ends a whole worker.

A channel can outlive its connection: when Redis goes away, or does so for the second time, while a task is being done.
Kombu's classes then stumble over what is not there any more, with an AttributeError or the like, which Celery takes
for unrecoverable, and the worker ends.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.exceptions import OperationalError
from kombu.transport import redis, virtual
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class Poller(redis.MultiChannelPoller):
    """Waits for messages; a connection that it finds half gone is a lost one, and is made anew."""

    def on_poll_start(self) -> None:
        with _lost_when_half_gone():
            super().on_poll_start()

    def on_readable(self, fileno: int) -> None:
        with _lost_when_half_gone():
            super().on_readable(fileno)


@contextmanager
def _lost_when_half_gone() -> Iterator[None]:
    try:
        yield
    except (AttributeError, TypeError, ValueError) as error:
        logger.warning("A connection to Redis is half gone.", exc_info=True)
        raise ConnectionLost(str(error)) from error


class QoS(virtual.QoS):
    """Knows what was taken and not done, by this process alone."""

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Give a message back, unless it was put back already, when the connection was lost by which it was taken."""
        super().reject(delivery_tag, requeue and delivery_tag in (self._delivered or ()))


class Channel(redis.Channel):
    """Takes a message for good, and sends by one client, which takes as long to make as a message takes to send.

    Kombu would have Redis keep what was taken and is not done, to hand it out again when that took too long: what the
    sweep finds within seconds. Each message would wait for two more answers of Redis, one before its task begins.
    """

    ack_emulation = False
    _kept: Any = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.QoS = QoS  # type: ignore[assignment]  # the stub has the one that keeps a book

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]  # not in its stub
        # A channel whose connection was lost gets another pool.
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[misc]  # the same
        return self._kept

    def _restore(self, message: Any, leftmost: bool = False) -> None:
        """Put back what was taken and not done, where there is a connection left; else the sweep finds what it was for.

        Celery asks for it when a child was lost, and when a worker ends.
        """
        if self.connection is None or self.connection.client is None:
            return
        try:
            super()._restore(message, leftmost)  # type: ignore[call-arg]  # the stub has the base's
        except RedisError as error:
            logger.warning("A message could not be put back: %s. The sweep finds what it was for.", error)

    def try_out(self) -> None:
        """Write something that is gone by itself: a Redis that is full, or a replica, only reads."""
        try:
            self.client.set("_portal.try_out", b"", px=1)
        except RedisError as error:
            raise OperationalError(str(error)) from error


class Transport(redis.Transport):
    """The transport behind `redis://`, `rediss://` and `redis+socket://`."""

    Channel = Channel

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cycle = Poller()
