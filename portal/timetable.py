"""The file in which beat keeps when each entry of its schedule last ran."""

import dbm
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from celery.beat import PersistentScheduler
from celery.utils.log import get_logger
from django.conf import settings

logger = get_logger(__name__)


class Timetable(PersistentScheduler):
    """Celery's schedule in a file, which ends with a sentence where that cannot be written.

    Its library tries every kind of file that it knows, and Celery logs each word of what each of them says. What the
    file holds is worth less than a beat that rings: one that cannot be read is begun anew, and so is the waiting after
    a clock was set back, which Celery would go on with until the old time has come again.
    """

    _looked_at: datetime | None = None

    def setup_schedule(self) -> None:
        """Open the file. Ends the process where it cannot be opened."""
        try:
            try:
                super().setup_schedule()
            except dbm.error:  # OSError as well
                raise
            except Exception as error:  # noqa: BLE001  # a full disk or a crash has cut it off: pickle says so in many ways
                logger.warning(
                    "beat begins its schedule anew, as it cannot be read: %s.", type(error).__name__
                )
                self._store.close()  # type: ignore[attr-defined]  # the stubs know less than there is
                for suffix in self.known_suffixes:
                    path = f"{self.schedule_filename}{suffix}"  # type: ignore[attr-defined]
                    Path(path).unlink(missing_ok=True)
                super().setup_schedule()
        except dbm.error as error:
            sys.exit(f"beat cannot write its schedule in DATA_DIR ({settings.DATA_DIR}): {error}.")
        self._forget_times_to_come()

    def tick(self, *arguments: Any, **options: Any) -> float:
        """Ring for what is due; return in how many seconds to look again."""
        now = self.app.now()
        if self._looked_at and now < self._looked_at:
            self._forget_times_to_come()
        self._looked_at = now
        wait: float = super().tick(*arguments, **options)
        return wait

    def _forget_times_to_come(self) -> None:
        """Take for rung now what was rung at a time that is still to come, by a clock that was ahead."""
        now = self.app.now()
        for entry in self.schedule.values():
            if entry.last_run_at and entry.last_run_at > now:
                entry.last_run_at = now
        self._heap = None  # when each is due next, by the old clock
