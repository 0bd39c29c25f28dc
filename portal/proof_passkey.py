"""Proving again who one is with a passkey, with another try after a wrong one."""

from typing import Any

from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView
from django.http import HttpResponse
from django.shortcuts import redirect


class ProofByPasskey(ReauthenticateWebAuthnView):  # type: ignore[misc]  # allauth is not typed
    """allauth's page, which leads from a wrong passkey to the first page: what waits for the proof is lost there."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the page again, with what was wrong and the way back to where the proof was asked for."""
        super().form_invalid(form)
        return redirect(self.passthrough_next_url(self.request.path))
