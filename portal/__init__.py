"""The project: wiring only. What the portal does is in `trunks`."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
