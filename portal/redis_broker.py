"""The broker on Redis: Kombu's transport, with the hole mended through which a lost Redis ends a whole worker."""

from typing import Any

from kombu.transport import redis


class QoS(redis.QoS):
    """Keeps what was taken and not acknowledged, beyond the connection by which it was taken."""

    def restore_unacked(self, client: Any = None) -> None:
        """Put back what was taken, where there is a connection left.

        A channel can outlive its connection: when Redis goes away for the second time while a task is being done. The
        stock class then fails with an AttributeError, which Celery takes for unrecoverable, and the worker ends.
        What stays in Redis without being put back is handed out again after the visibility time-out; the sweep does
        not wait for that.
        """
        if self.channel.connection.client is None:
            (self._delivered or {}).clear()
            return
        super().restore_unacked(client)


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    """The transport behind `redis://`, `rediss://` and `redis+socket://`."""

    Channel = Channel
