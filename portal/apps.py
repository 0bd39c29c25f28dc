"""The project as an app of its own: it has no tables, and listens for people signing in."""

from importlib import import_module

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        import_module("portal.sign_in")
