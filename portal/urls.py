"""Where the project's addresses come together, and the pages for what goes wrong."""

from django.urls import include, path

urlpatterns = [
    path("", include("trunks.urls")),
    path("accounts/", include("allauth.urls")),
]

handler400 = "trunks.views.http.bad_request"
handler403 = "trunks.views.http.forbidden"
handler404 = "trunks.views.http.not_found"
handler429 = "portal.held_back.page"  # allauth's, for too many tries
handler500 = "trunks.views.http.server_error"
