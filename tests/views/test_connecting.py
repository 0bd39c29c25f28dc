"""The form by which a master account is connected, or given new credentials."""

import pytest
from django.test import Client

from tests import cast
from tests.conftest import SignedIn
from tests.views import test_masters
from trunks import audit
from trunks.actions import Action
from trunks.models import MasterAccount, Role, User
from trunks.workflow import connecting as verbs

client = test_masters.client
FORM = {
    "name": "Fabrikam",
    "account_id": "fabrikam-account-id",
    "client_id": "fabrikam-client",
    "client_secret": "V3ry-s3cret-indeed",
    "rate_plan": "pro",
}


@pytest.fixture
def zoom_is_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Zoom accept whatever credentials are tried."""
    monkeypatch.setattr(verbs, "_try_out", lambda *_: None)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("role", [Role.STAFF, Role.SUPERVISOR, Role.MANAGER])
def test_only_administrators_connect_a_master(
    db: None, signed_in: SignedIn, role: Role, method: str, zoom_is_content: None
) -> None:
    answer = getattr(signed_in(cast.person("Olga Other", role)), method)("/masters/connect/", FORM)
    assert answer.status_code == 403
    assert not MasterAccount.objects.exists()


def test_an_administrator_of_one_master_connects_no_other(
    estate: cast.Estate, signed_in: SignedIn, zoom_is_content: None
) -> None:
    foreign = cast.person("Fay Foreign", Role.ADMINISTRATOR, master=estate.foreign_master)
    answer = signed_in(foreign).post("/masters/connect/", FORM)
    assert answer.status_code == 403
    assert "administrators of all master accounts" in answer.content.decode()


def test_a_master_is_connected_and_read_at_once(
    client: Client, administrator: User, zoom_is_content: None, rung: list[tuple[str, int]]
) -> None:
    answer = client.post("/masters/connect/", FORM, follow=True)
    assert "Fabrikam is connected" in answer.content.decode()
    master = MasterAccount.objects.get(name="Fabrikam")
    assert (master.zoom_id, master.client_secret) == ("fabrikam-account-id", FORM["client_secret"])
    assert [event.action for event in audit.history(master)] == [
        Action.MASTER_CONNECTED,
        Action.SYNC_REQUESTED,
    ]


def test_the_secret_is_in_no_page_and_no_event(client: Client, zoom_is_content: None, manager: User) -> None:
    pages = [
        client.post("/masters/connect/", FORM | {"name": ""}),
        client.post("/masters/connect/", FORM, follow=True),
        client.get("/audit/?action=master.connected"),
        client.get(f"/audit/{audit.search(manager).get(action=Action.MASTER_CONNECTED).pk}/"),
    ]
    assert all(FORM["client_secret"] not in page.content.decode() for page in pages)


def test_every_missing_field_is_named_and_the_typed_ones_are_kept(
    client: Client, zoom_is_content: None
) -> None:
    answer = client.post("/masters/connect/", FORM | {"name": "", "client_id": "", "rate_plan": "gold"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "<title>Error:" in page
    for anchor in ("#id_name", "#id_client_id", "#id_rate_plan"):
        assert f'href="{anchor}"' in page
    assert 'value="fabrikam-account-id"' in page
    assert not MasterAccount.objects.exists()


def test_a_page_posted_empty_is_answered(client: Client) -> None:
    assert client.post("/masters/connect/").status_code == 422


def test_zoom_out_of_reach_is_said_in_plain_words_and_stores_nothing(client: Client) -> None:
    answer = client.post("/masters/connect/", FORM)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "There is a problem" in page
    assert "Nothing was stored" in page
    assert FORM["client_secret"] not in page
    assert not MasterAccount.objects.exists()


def test_each_finding_stands_by_itself(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: str) -> None:
        raise verbs.CannotConnect(["The app lacks the scope <x>.", "The account has no trunk."])

    monkeypatch.setattr(verbs, "_try_out", refuse)
    page = client.post("/masters/connect/", FORM).content.decode()
    assert "<li>The app lacks the scope &lt;x&gt;.</li>" in page
    assert "<li>The account has no trunk.</li>" in page


def test_a_name_that_another_master_has_is_refused(
    client: Client, estate: cast.Estate, zoom_is_content: None
) -> None:
    answer = client.post("/masters/connect/", FORM | {"name": "Northwind"})
    assert answer.status_code == 422
    assert "has the name Northwind already" in answer.content.decode()


def test_connecting_a_known_account_again_changes_its_credentials(
    client: Client, estate: cast.Estate, zoom_is_content: None
) -> None:
    client.post("/masters/connect/", FORM | {"name": "Northwind", "account_id": estate.master.zoom_id})
    assert MasterAccount.objects.get(pk=estate.master.pk).client_secret == FORM["client_secret"]
    assert MasterAccount.objects.count() == 2


def test_new_credentials_begin_with_what_the_account_has(
    client: Client, estate: cast.Estate, zoom_is_content: None
) -> None:
    MasterAccount.objects.filter(pk=estate.master.pk).update(rate_plan="business")
    address = f"/masters/connect/?master={estate.master.pk}"
    assert f'href="{address}"' in client.get("/masters/").content.decode()
    page = client.get(address)
    content = page.content.decode()
    assert f"New credentials for {estate.master}" in content
    form = page.context["form"]
    assert form["account_id"].value() == estate.master.zoom_id
    assert form["rate_plan"].value() == "business"
    assert not form["client_secret"].value()
    kept = {name: form[name].value() or "" for name in form.fields}
    client.post(address, kept | {"client_secret": "n3w"})
    assert MasterAccount.objects.get(pk=estate.master.pk).client_secret == "n3w"
    assert MasterAccount.objects.get(pk=estate.master.pk).rate_plan == "business"


def test_new_credentials_for_an_account_that_is_not_there_are_not_found(client: Client) -> None:
    assert client.get("/masters/connect/?master=99").status_code == 404
    assert client.get("/masters/connect/?master=x").status_code == 200


def test_who_may_not_connect_is_not_offered_new_credentials(estate: cast.Estate, signed_in: SignedIn) -> None:
    one = cast.person("Ann Administrator", Role.ADMINISTRATOR, master=estate.master)
    assert "/masters/connect/" not in signed_in(one).get("/masters/").content.decode()
