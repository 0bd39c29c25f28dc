"""Speaks with Zoom over HTTP; knows nothing of Django, Celery or the portal's tables."""
