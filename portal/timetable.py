"""The file in which beat keeps when each entry of its schedule last ran."""

import dbm
import sys

from celery.beat import PersistentScheduler
from django.conf import settings


class Timetable(PersistentScheduler):
    """Celery's schedule in a file, which ends with a sentence where that cannot be written.

    Its library tries every kind of file that it knows, and Celery logs each word of what each of them says.
    """

    def setup_schedule(self) -> None:
        """Open the file. Ends the process where it cannot be opened."""
        try:
            super().setup_schedule()
        except dbm.error as error:  # OSError as well
            sys.exit(f"beat cannot write its schedule in DATA_DIR ({settings.DATA_DIR}): {error}.")
