"""The embedded broker: Kombu's file-system transport with the two holes mended that lose messages.

The stock transport creates a message's file and then fills it, so a consumer can take it half-written and empty, and
an unreadable file ends the whole worker (celery/kombu#1551). Here a message appears whole or not at all, and what
cannot be read is laid aside. The names of files are those of the stock transport otherwise.
"""

import fcntl
import logging
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu import Connection
from kombu.transport import filesystem
from kombu.transport.virtual.base import BrokerState
from kombu.utils.json import dumps, loads
from kombu.utils.scheduling import FairCycle

logger = logging.getLogger(__name__)

POLLING_SECONDS = 0.05


def transport_options(folder: Path) -> dict[str, object]:
    """Make the folders of a broker in `folder` and return the transport's options.

    They are neighbours, because a move is atomic within one file system only.
    """
    for name in ("messages", "processed", "control"):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "processed_folder": str(folder / "processed"),
        "control_folder": str(folder / "control"),
        "store_processed": True,
        "polling_interval": POLLING_SECONDS,
    }


def empty_processed(folder: Path, older_than_seconds: float) -> int:
    """Delete what consumers have taken, and what nobody will take; return the number of files.

    `folder` is the broker's (settings.BROKER_DIR). Besides taken messages these are writes that a kill cut short and
    broadcasts to workers that are gone. Tasks that wait are never deleted, however old.
    """
    oldest = time.time() - older_than_seconds
    waste = [*(folder / "processed").glob("*"), *(folder / "messages").glob("*.tmp")]
    waste += [path for path in (folder / "messages").glob("*.msg") if _is_broadcast(path.name)]
    return sum(_delete_if_older(path, oldest) for path in waste)


def _is_broadcast(name: str) -> bool:
    """Say whether the message is for the queue of one process, such as its pidbox, and not a task."""
    return ".pidbox." in name or ".celeryev." in name


def _delete_if_older(path: Path, oldest: float) -> bool:
    try:
        if path.stat().st_mtime > oldest:
            return False
        path.unlink()
    except FileNotFoundError:  # another sweep was here
        return False
    return True


class InOrder(FairCycle):
    """Takes from the first queue that has anything, as Redis does with `queue_order_strategy` "priority"."""

    def get(self, callback: Any, **kwargs: Any) -> Any:
        self.pos = 0
        return super().get(callback, **kwargs)


class Channel(filesystem.Channel):
    """Writes aside and renames; claims by renaming; queues in the order in which they were asked for."""

    def _reset_cycle(self) -> None:
        self._cycle = InOrder(self._get_and_deliver, self._active_queues, Empty)

    def get_table(self, exchange: str) -> list[Any]:
        """Return the queues that are bound to `exchange`; its file is only ever replaced whole."""
        try:
            bound = loads(self._table_file(exchange).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        return [filesystem.exchange_queue_t(*queue) for queue in bound]

    def _table_file(self, exchange: str) -> Path:
        file: Path = self._exchange_file(exchange)  # type: ignore[attr-defined]  # newer than Kombu's stubs
        return file

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        """Bind `queue` to `exchange`, one process after the other.

        The stock transport empties the file before it fills it: of several processes that start at once one read
        nothing and ended, or wrote over what another had bound.
        """
        file = self._table_file(exchange)
        entry = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with file.with_suffix(".lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            bound = self.get_table(exchange)
            if entry not in bound:
                aside = file.with_suffix(".tmp")
                aside.write_text(dumps([entry, *bound]), encoding="utf-8")
                aside.replace(file)

    def _put(self, queue: str, payload: Any, **kwargs: object) -> None:  # type: ignore[override]  # Kombu's own two differ
        """Put `payload` onto `queue`, whole and on the disk, or not at all."""
        # The stock name begins with the monotonic clock, which starts again at zero with the machine.
        name = f"{time.time_ns():020d}_{uuid.uuid4()}.{queue}.msg"
        target = Path(self.data_folder_out, name)
        aside = target.with_name(f"{name}.tmp")
        with aside.open("wb") as file:
            file.write(dumps(payload).encode())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)

    def try_out(self) -> None:
        """Write something and remove it: a disk that is full only reads."""
        trial = Path(self.data_folder_out, f"{uuid.uuid4()}.tmp")
        try:
            trial.write_bytes(b"0")
        finally:
            trial.unlink(missing_ok=True)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Return the oldest message of `queue` that can be read; raise Empty when there is none."""
        for name in sorted(os.listdir(self.data_folder_in)):  # noqa: PTH208  # names only, and often
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            message = self._take(name)
            if message is not None:
                return message
        raise Empty

    def _take(self, name: str) -> Any:
        """Claim a message and return it, or None when another consumer was faster or it cannot be read."""
        taken = Path(self.processed_folder, name)
        try:
            Path(self.data_folder_in, name).rename(taken)
        except FileNotFoundError:
            return None
        try:
            # The time of the claim, so that a message that waited long is not emptied out while it is read.
            os.utime(taken)
            return loads(taken.read_bytes().decode())
        except (OSError, ValueError) as error:
            logger.warning("broker: laid aside %s, which cannot be read: %s", name, error)
            return None


class Transport(filesystem.Transport):
    """The transport behind `localfs://`."""

    Channel = Channel

    def __init__(self, client: Connection, **kwargs: object) -> None:
        super().__init__(client, **kwargs)
        # The stock class remembers for the whole process which queues it has bound, whatever the folder: a second
        # folder would never learn of them, and what is sent there would be dropped.
        self.state = BrokerState()
