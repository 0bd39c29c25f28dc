"""The Celery application: messages carry an id and ring a worker; the database is the queue."""

import logging
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("portal.celery_settings")
app.autodiscover_tasks(lambda: settings.INSTALLED_APPS)


@setup_logging.connect
def keep_the_format(loglevel: int, **_: Any) -> None:
    """Take the level from the command line, and leave the lines as Django was told to write them.

    Celery would give its own processes another format, and make a line of each word that something writes to stderr:
    a trace-back of a thread became a hundred. What is written there is left in one piece.
    """
    logging.getLogger().setLevel(loglevel)


from portal import worker  # noqa: E402, F401  # connects the sweep to the worker's signals
