"""The one field of the trail that understands numbers, requests, customers, people and addresses."""

from django.test import Client

from tests import cast
from tests.conftest import SignedIn
from tests.views import test_audit_tools
from tests.views.test_audit import sentences
from trunks import audit_index
from trunks.actions import Action
from trunks.models import Role, TrunkRequest, User

client = test_audit_tools.client


def leads_to(client: Client, words: str) -> str:
    """Return where typing `words` into the one field leads ("" when it only searches)."""
    answer = client.get("/audit/", {"q": words, "outcome": "done"})
    return str(answer.headers.get("Location", ""))


def test_one_field_understands_numbers_requests_customers_people_and_addresses(
    client: Client, trunk_request: TrunkRequest, estate: cast.Estate, staff: User
) -> None:
    pk = trunk_request.pk
    for words, filters in {
        "18888123": "dnis=18888123",
        trunk_request.reference: f"object_type=trunkrequest&object_id={pk}",
        f"tr-{pk}": f"object_type=trunkrequest&object_id={pk}",
        "adatum LOGISTICS": f"sub_account={estate.sub.pk}",
        "stella staff": f"actor={staff.pk}",
        "192.0.2.7": "ip=192.0.2.7",
        "0" * 32: f"request_id={'0' * 32}",
    }.items():
        assert leads_to(client, words) == f"?outcome=done&{filters}", words
    for words in ("18888999", "adatum", "Zoom said", "TR-0"):
        assert leads_to(client, words) == "", words


def test_a_question_in_full_is_shown_the_way_to_the_numbers_in_it(
    client: Client, trunk_request: TrunkRequest
) -> None:
    question = f"Who gave 18888123 to Customer 7, and what of {trunk_request.reference.lower()}? (2026)"
    offered = client.get("/audit/", {"q": question}).context["suggestions"]
    assert [(one.kind, one.title) for one, _ in offered] == [
        ("DNIS", "18888123"),
        ("Request", trunk_request.reference),
    ]
    assert [url for _, url in offered] == [
        "?dnis=18888123",
        f"?object_type=trunkrequest&object_id={trunk_request.pk}",
    ]
    assert "18888123" in client.get(f"/audit/{offered[0][1]}").content.decode()
    assert client.get("/audit/?q=18888999").context["suggestions"] == []


def test_what_may_be_meant_is_offered(
    client: Client, trunk_request: TrunkRequest, estate: cast.Estate
) -> None:
    for number in range(7):
        cast.sub_account(estate.master, f"s{number}", f"Staffing {number}")
    offered = client.get("/audit/?q=staff").context["suggestions"]
    assert [(one.kind, one.title) for one, _ in offered] == [
        *(("Sub account", f"Staffing {number}") for number in range(5)),
        ("Person", "Stella Staff"),
    ]
    assert offered[0][1].startswith("?sub_account=")


def test_words_can_be_meant_as_words(client: Client, trunk_request: TrunkRequest) -> None:
    assert sentences(client, f"/audit/?q={trunk_request.reference}&as_words=1") == [Action.REQUEST_FILED]


def test_a_manager_of_another_master_account_is_offered_none_of_its_customers(
    estate: cast.Estate, trunk_request: TrunkRequest, signed_in: SignedIn
) -> None:
    client = signed_in(cast.person("Fred Foreign", Role.MANAGER, master=estate.foreign_master))
    answer = client.get("/audit/?q=adatum logistics")
    assert answer.status_code == 200
    assert answer.context["suggestions"] == []
    assert "Stella" not in answer.content.decode()


def test_a_manager_of_another_master_account_learns_no_names_and_no_numbers_by_typing(
    estate: cast.Estate, trunk_request: TrunkRequest, staff: User, signed_in: SignedIn
) -> None:
    audit_index.catch_up()
    foreign = signed_in(cast.person("Fred Foreign", Role.MANAGER, master=estate.foreign_master))
    own = signed_in(cast.person("Olga Own", Role.MANAGER, master=estate.master))
    for words in ("stella", "stella staff", "18888123"):
        # The same answer as for words that nothing has.
        assert leads_to(foreign, words) == ""
        assert foreign.get("/audit/", {"q": words}).context["suggestions"] == [], words
    assert [one.title for one, _ in own.get("/audit/?q=stella").context["suggestions"]] == ["Stella Staff"]
    assert leads_to(own, "stella staff") == f"?outcome=done&actor={staff.pk}"
    assert leads_to(own, "18888123") == "?outcome=done&dnis=18888123"


def test_a_search_that_finds_one_request_alone_leads_to_its_story(
    client: Client, trunk_request: TrunkRequest, staff: User
) -> None:
    story = f"/requests/{trunk_request.reference}/story/"
    dnis = trunk_request.lines.get().dnis
    assert story in client.get(f"/audit/?dnis={dnis}").content.decode()
    assert story not in client.get("/audit/").content.decode()
    assert story not in client.get("/audit/?dnis=00000").content.decode()
