"""The portal's addresses. `/requests/TR-000042/` names a request as people do."""

from django.urls import path, register_converter

from trunks.views import audit, estate, health, home, masters


class ReferenceConverter:
    """TR-000042 in an address, the primary key in a view."""

    regex = "TR-[0-9]{6,18}"

    def to_python(self, value: str) -> int:
        return int(value.removeprefix("TR-"))

    def to_url(self, value: int | str) -> str:
        return value if isinstance(value, str) else f"TR-{value:06d}"


register_converter(ReferenceConverter, "reference")

urlpatterns = [
    path("", home.home, name="home"),
    path("trunks/", estate.trunks, name="trunks"),
    path("trunks/<int:pk>/", estate.trunk_detail, name="trunk_detail"),
    path("sub-accounts/", estate.sub_accounts, name="sub_accounts"),
    path("sub-accounts/<int:pk>/", estate.sub_account_detail, name="sub_account_detail"),
    path("masters/", masters.masters, name="masters"),
    path("masters/connect/", masters.connect, name="master_connect"),
    path("masters/<int:pk>/sync/", masters.sync, name="master_sync"),
    path("audit/", audit.trail, name="audit"),
    path("audit/<int:pk>/", audit.event, name="audit_event"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
