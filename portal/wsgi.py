"""The entry point of web servers."""

import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

NOT_STARTED = 3  # what gunicorn's workers end with where trying again is no use

try:
    django.setup(set_prefix=False)
except ImproperlyConfigured as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(NOT_STARTED)

from portal import handler, memory  # noqa: E402  # they need Django set up

application = handler.Handler()
memory.settle()
