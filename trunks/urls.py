"""The portal's addresses. `/requests/TR-000042/` names a request as people do."""

from django.urls import path, register_converter

from trunks.views import home


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
]
