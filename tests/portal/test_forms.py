"""allauth's forms where they write down what allauth tells nobody."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import EditWebAuthnForm
from django.conf import settings
from django.utils.module_loading import import_string

from trunks import audit
from trunks.models import User

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


def test_a_passkey_that_gets_another_name_leaves_an_event(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "allauth.mfa.webauthn.internal.flows.raise_if_reauthentication_required", lambda *_, **__: None
    )
    kind = Authenticator.Type.WEBAUTHN
    passkey = Authenticator.objects.create(user=staff, type=kind, data={"name": "Old phone"})
    chosen = import_string(settings.MFA_FORMS["edit_webauthn"])
    assert issubclass(chosen, EditWebAuthnForm)
    form = chosen({"name": "New phone"}, instance=passkey)
    assert form.is_valid()
    assert form.save() == passkey
    event = audit.history(staff).get()
    assert (event.action, event.actor) == ("factor.renamed", staff)
    assert (event.before, event.after) == ({"name": "Old phone"}, {"name": "New phone"})
