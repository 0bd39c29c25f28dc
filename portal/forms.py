"""allauth's forms where the portal says more, or writes down what allauth tells nobody."""

from typing import Any

from allauth.account.forms import ChangePasswordForm, ResetPasswordForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django import forms
from django.http import HttpRequest

from trunks.workflow import signing_in


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]  # allauth is not typed
    """Adding a passkey that signs in by itself, unless the person wants it as a second factor only."""

    passwordless = forms.BooleanField(
        label="Sign in with it alone",
        required=False,
        initial=True,
        help_text="No password is asked for then; the device asks for a fingerprint, a face or a PIN.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = "Name of the device"


class RenamePasskeyForm(EditWebAuthnForm):  # type: ignore[misc]  # allauth is not typed
    """Giving a passkey another name, which allauth announces to nobody."""

    def save(self) -> Authenticator:
        before = self.instance.wrap().name
        saved = super().save()
        signing_in.factor_renamed(actor=self.instance.user, before=before, after=self.cleaned_data["name"])
        return saved


class AskForPasswordForm(ResetPasswordForm):  # type: ignore[misc]  # allauth is not typed
    """Asking for a new password, which allauth announces to nobody."""

    def save(self, request: HttpRequest, **more: Any) -> str:
        signing_in.reset_asked(self.cleaned_data["email"])
        return str(super().save(request, **more))


class NewPasswordForm(ChangePasswordForm):  # type: ignore[misc]  # allauth is not typed
    """Changing a password: whoever guesses the present one at a session that was left open is on record."""

    def clean_oldpassword(self) -> str:
        try:
            return str(super().clean_oldpassword())
        except forms.ValidationError:
            signing_in.not_confirmed(self.user)
            raise
