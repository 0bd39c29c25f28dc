from django.apps import AppConfig


class TrunksConfig(AppConfig):
    name = "trunks"
    verbose_name = "SIP trunks"

    def import_models(self) -> None:
        super().import_models()
        # Not re-exported by trunks.models: nobody but trunks.audit may reach for it.
        from trunks.models import audit_event  # noqa: F401, PLC0415
