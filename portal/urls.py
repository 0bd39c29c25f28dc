"""Where the project's addresses come together, and the pages for what goes wrong."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from portal import first_password, proof_passkey, recovery_codes

PROOF_BY_PASSKEY = path(
    "accounts/2fa/webauthn/reauthenticate/",
    proof_passkey.ProofByPasskey.as_view(),
    name="mfa_reauthenticate_webauthn",
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("trunks.urls")),
    # Before allauth's page of that address, which asks nobody for a proof.
    path("accounts/password/set/", first_password.page, name="account_set_password"),
    # Before allauth's pages of these addresses, which leave no event.
    path("accounts/2fa/recovery-codes/", recovery_codes.page, name="mfa_view_recovery_codes"),
    path("accounts/2fa/recovery-codes/download/", recovery_codes.file, name="mfa_download_recovery_codes"),
    # Before allauth's page of that address, which forgets where one was when the passkey is a wrong one.
    *([PROOF_BY_PASSKEY] if settings.PASSKEYS else []),
    path("accounts/", include("allauth.urls")),
]

handler400 = "trunks.views.http.bad_request"
handler403 = "trunks.views.http.forbidden"
handler404 = "trunks.views.http.not_found"
handler429 = "portal.held_back.page"  # allauth's, for too many tries
handler500 = "trunks.views.http.server_error"
