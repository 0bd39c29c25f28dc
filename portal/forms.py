"""allauth's forms, where the portal says more in them or records what allauth does not announce."""

from typing import Any

from allauth.account.forms import ChangePasswordForm, LoginForm, ResetPasswordForm, ResetPasswordKeyForm
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from allauth.mfa.webauthn.internal.auth import extract_user_from_response, parse_authentication_response
from django import forms
from django.http import HttpRequest

from portal import held_back
from trunks.workflow import signing_in

NAME_LENGTH = 100
NO_ADDRESS = "Enter a valid e-mail address."
# What allauth and the library below it raise for a credential that no browser has made.
NOT_UNDERSTOOD = (AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Credential(forms.JSONField):
    """What a browser hands over of a passkey. Raises ValidationError for what is no JSON, however deep or long."""

    def __init__(self) -> None:
        super().__init__(required=True, widget=forms.HiddenInput)

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (RecursionError, ValueError) as error:
            raise _wrong() from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        return None  # one that was wrong is good for nothing, and need not be in the page again


class PasskeyForm:
    """Mixed into allauth's forms that look at a passkey: one that is wrong is on record, as a wrong code is."""

    user: Any
    cleaned_data: dict[str, Any]

    def clean_credential(self) -> Any:
        try:
            parse_authentication_response(self.cleaned_data["credential"])
        except NOT_UNDERSTOOD as error:
            # Of this nothing is on record: allauth does not count it, so that it could write the trail full.
            raise _wrong() from error
        try:
            return super().clean_credential()  # type: ignore[misc]  # of the form that this is mixed into
        except forms.ValidationError as error:
            if error.code not in held_back.CODES:
                self.note()
            raise

    def note(self) -> None:
        signing_in.factor_failed(self.user)


class AuthenticatePasskeyForm(PasskeyForm, AuthenticateWebAuthnForm):  # type: ignore[misc]  # allauth is not typed
    """A passkey as the second factor."""

    credential = Credential()


class ProofPasskeyForm(PasskeyForm, ReauthenticateWebAuthnForm):  # type: ignore[misc]  # allauth is not typed
    """A passkey as the proof of who is signed in already."""

    credential = Credential()


class LoginPasskeyForm(PasskeyForm, LoginWebAuthnForm):  # type: ignore[misc]  # allauth is not typed
    """Signing in by a passkey alone."""

    credential = Credential()

    def note(self) -> None:
        try:
            email = str(extract_user_from_response(self.cleaned_data["credential"]).email)
        except forms.ValidationError:
            email = ""  # it names nobody
        signing_in.failed(email, why="wrong passkey")


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]  # allauth is not typed
    """Adding a passkey that signs in by itself, unless the person wants it as a second factor only."""

    name = forms.CharField(label="Name of the device", required=False, max_length=NAME_LENGTH)
    credential = Credential()
    passwordless = forms.BooleanField(
        label="Sign in with it alone",
        required=False,
        initial=True,
        help_text="No password is asked for then; the device asks for a fingerprint, a face or a PIN.",
    )

    def clean(self) -> dict[str, Any]:
        try:
            cleaned: dict[str, Any] = super().clean()
        except NOT_UNDERSTOOD as error:
            raise _wrong() from error
        return cleaned


class RenamePasskeyForm(EditWebAuthnForm):  # type: ignore[misc]  # allauth is not typed
    """Giving a passkey another name, which allauth announces to nobody."""

    name = forms.CharField(max_length=NAME_LENGTH)

    def save(self) -> Authenticator:
        before = self.instance.wrap().name
        saved = super().save()
        signing_in.factor_renamed(actor=self.instance.user, before=before, after=self.cleaned_data["name"])
        return saved


class OurWords:
    """Mixed into allauth's forms: the portal writes "New password" and "E-mail address", and no label twice."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for field in self.fields.values():
            field.label = str(field.label).capitalize()
            field.widget.attrs.pop("placeholder", None)
            if isinstance(field, forms.EmailField):
                field.label = "E-mail address"
                field.error_messages["invalid"] = NO_ADDRESS


class SignInForm(OurWords, LoginForm):  # type: ignore[misc]  # allauth is not typed
    """Signing in by a password."""


class PasswordByLinkForm(OurWords, ResetPasswordKeyForm):  # type: ignore[misc]  # allauth is not typed
    """Setting a new password by the link of a letter."""


class AskForPasswordForm(OurWords, ResetPasswordForm):  # type: ignore[misc]  # allauth is not typed
    """Asking for a new password, which allauth announces to nobody."""

    def save(self, request: HttpRequest, **more: Any) -> str:
        signing_in.reset_asked(self.cleaned_data["email"])
        return str(super().save(request, **more))


class NewPasswordForm(OurWords, ChangePasswordForm):  # type: ignore[misc]  # allauth is not typed
    """Changing a password: whoever guesses the present one at a session that was left open is on record."""

    def clean_oldpassword(self) -> str:
        try:
            return str(super().clean_oldpassword())
        except forms.ValidationError:
            signing_in.not_confirmed(self.user)
            raise


def _wrong() -> forms.ValidationError:
    error: forms.ValidationError = get_adapter().validation_error("incorrect_code")
    return error
