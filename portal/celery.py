"""The Celery application: messages carry an id and ring a worker; the database is the queue."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("portal.celery_settings")
app.autodiscover_tasks(lambda: settings.INSTALLED_APPS)

from portal import worker  # noqa: E402, F401  # connects the sweep to the worker's signals
