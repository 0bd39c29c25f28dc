"""The entry point of web servers."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

NOT_STARTED = 3  # what gunicorn's workers end with where trying again is no use

try:
    application = get_wsgi_application()
except ImproperlyConfigured as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(NOT_STARTED)

from portal import memory  # noqa: E402  # it needs Django set up

memory.settle()
