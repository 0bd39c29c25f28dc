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
from kombu.transport import redis
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class QoS(redis.QoS):
    """Keeps what was taken and not acknowledged, beyond the connection by which it was taken."""

    def restore_unacked(self, client: Any = None) -> None:
        """Put back what was taken, where there is a connection left.

        What stays in Redis without being put back is handed out again after the visibility time-out; the sweep does
        not wait for that.
        """
        if self._is_cut_off():
            (self._delivered or {}).clear()
            return
        super().restore_unacked(client)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message, where there is a connection left; without one it was put back, and comes again."""
        if not self._is_cut_off():
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Give a message back, where there is a connection left; without one it was put back, and comes again."""
        if not self._is_cut_off():
            super().reject(delivery_tag, requeue)

    def _is_cut_off(self) -> bool:
        return self.channel.connection is None or self.channel.connection.client is None


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


class Channel(redis.Channel):
    """Sends by one client, which takes as long to make as a message takes to send; Kombu makes one for each."""

    QoS = QoS
    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)
        # A channel whose connection was lost gets another pool.
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()
        return self._kept

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
