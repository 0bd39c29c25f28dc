"""The page that takes a table: checked, shown, and filed when what is posted is what was shown."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from tests import cast
from tests.conftest import SignedIn
from trunks.forms import importing as forms
from trunks.models import Role, TrunkRequest, User
from trunks.workflow import filing
from trunks.workflow.errors import Refused

pytestmark = pytest.mark.django_db

IMPORT = "/requests/import/"
GOOD = "sub_account,dnis\nAdatum Logistics,18888001\nFourth Coffee,18888002\n"


def typed(estate: cast.Estate, table: str = GOOD, **changes: Any) -> dict[str, Any]:
    data = {
        "master": estate.master.pk,
        "table": table,
        "reason": "They grow.",
        "ticket": "",
        "not_before": "",
    }
    return data | changes


def page(client: Client, data: dict[str, Any], status: int = 200) -> str:
    response = client.post(IMPORT, data)
    content = response.content.decode()
    assert response.status_code == status, content[:500]
    return content


def digest_in(content: str) -> str:
    found = re.search(r'name="checked" value="([0-9a-f]{64})"', content)
    assert found
    return found[1]


def refused(client: Client, data: dict[str, Any]) -> str:
    content = page(client, data, 422)
    assert not TrunkRequest.objects.exists()
    assert "<title>Error: " in content
    assert "There is a problem" in content
    assert 'name="checked"' not in content
    return content


def test_a_table_is_shown_first_and_filed_then(signed_in: SignedIn, staff: User, estate: cast.Estate) -> None:
    client = signed_in(staff)
    assert IMPORT in client.get("/requests/").content.decode()
    first = client.get(IMPORT).content.decode()
    assert 'name="checked"' not in first
    shown = page(client, typed(estate))
    assert "2 requests can be filed" in shown
    assert "2 lines in 2 requests of Northwind<" in shown
    assert shown.count('name="master"') == 1
    assert "Nothing is filed yet." in shown
    assert "Fourth Coffee,18888002" in shown, "the table stands in its field still"
    assert not TrunkRequest.objects.exists()
    done = page(client, typed(estate, checked=digest_in(shown)))
    assert "2 of 2 filed" in done
    assert all(row.reference in done for row in TrunkRequest.objects.all())
    again = page(client, typed(estate))
    assert "All of this is filed already" in again
    assert 'name="checked"' not in again


def test_what_was_changed_after_the_look_is_shown_again(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    client = signed_in(staff)
    digest = digest_in(page(client, typed(estate)))
    for change in ({"table": GOOD + "Fourth Coffee,18888003\n"}, {"reason": "Another."}, {"ticket": "CHG-9"}):
        shown = page(client, typed(estate, checked=digest, **change))
        assert "What is posted is not what was shown" in shown
        assert not TrunkRequest.objects.exists()
    assert "1 of 1 filed" in page(
        client, typed(estate, GOOD[:43], checked=digest_in(page(client, typed(estate, GOOD[:43]))))
    )


def test_a_file_takes_the_place_of_the_text_and_can_be_mended_there(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    client = signed_in(staff)
    data = b"\xef\xbb\xbfSub account;DNIS\r\nAdatum Logistics;18888001\r\nFourth Coffee;77777002\r\n"
    file = SimpleUploadedFile("trunks.csv", data, content_type="text/csv")
    content = refused(client, typed(estate, "what stood there", file=file))
    assert "Fourth Coffee;77777002" in content
    assert "what stood there" not in content
    assert 'href="#row-3"' in content
    assert 'id="row-3"' in content
    assert "1 of 2 rows cannot be filed" in content
    assert "No trunk of Northwind has a prefix with which 77777002 begins." in content


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (b"", "The file is empty."),
        (b"PK\x03\x04", "This is a spreadsheet program&#x27;s own file."),
        (b"\xff\xfe\x00", "This is not text in UTF-8."),
    ],
)
def test_a_file_that_is_no_table_is_told_beside_its_field(
    signed_in: SignedIn, staff: User, estate: cast.Estate, file: bytes, told: str
) -> None:
    content = refused(signed_in(staff), typed(estate, "typed", file=SimpleUploadedFile("trunks.csv", file)))
    assert told in content
    assert "They grow." in content


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("  \n", forms.NO_TABLE),
        ("dnis\n1", "The first row lacks a column: sub_account."),
        ("x" * 200_001, "At most 200,000 characters; this has 200,001. Split it."),
        ("a\x00b", "Null characters are not allowed."),
        ("sub_account,dnis\n" + "Nobody,18888001\n" * 51, "141 more are shown beside their rows."),
    ],
)
def test_what_is_wrong_with_the_table_is_told(
    signed_in: SignedIn, staff: User, estate: cast.Estate, table: str, told: str
) -> None:
    assert told in refused(signed_in(staff), typed(estate, table))


def test_of_very_many_bad_rows_the_first_are_shown(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    content = refused(signed_in(staff), typed(estate, "sub_account,dnis\n" + "Nobody,18888001\n" * 201))
    assert "201 of 201 rows cannot be filed" in content
    assert "These are the first 200." in content
    assert content.count("data-row=") == 200


def test_a_reason_that_nobody_gives_is_missed_once(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    content = refused(signed_in(staff), typed(estate, reason=""))
    assert content.count('href="#id_reason"') == 1
    assert "18888001" in content
    with_own = "sub_account,dnis,reason\nAdatum Logistics,18888001,They asked.\n"
    assert "They asked." in page(signed_in(staff), typed(estate, with_own, reason=""))


def test_what_is_wrong_beside_the_table_does_not_hide_what_is_wrong_in_it(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    bad = typed(estate, "sub_account,dnis\nNobody,18888001\n", not_before="soon", reason="x" * 2001)
    content = refused(signed_in(staff), bad)
    for words in ("no sub account with the Zoom id", "Give date and time", "at most 2000 characters"):
        assert words in content
    assert "Say why" not in content


def test_only_master_accounts_of_ones_own_are_offered(
    signed_in: SignedIn, staff: User, other_staff: User, estate: cast.Estate
) -> None:
    assert "This is not among the choices" in refused(signed_in(staff), typed(estate, master="x"))
    client = signed_in(other_staff)
    assert 'name="master"' not in client.get(IMPORT).content.decode()
    content = refused(client, typed(estate))
    assert "Contoso has no sub account with the Zoom id, account number or name Adatum Logistics." in content
    own = "sub_account,dnis\nTailspin Toys,70003001\n"
    assert "1 request can be filed" in page(client, typed(estate, own))


def test_without_a_master_account_there_is_nothing_to_import(signed_in: SignedIn, staff: User) -> None:
    assert "No master account is connected yet." in signed_in(staff).get(IMPORT).content.decode()
    response = signed_in(staff).post(IMPORT, {"table": GOOD})
    assert response.status_code == 422


def test_one_that_was_taken_in_the_last_moment_is_told_beside_the_others(
    signed_in: SignedIn, staff: User, estate: cast.Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(staff)
    digest = digest_in(page(client, typed(estate)))
    really = filing.file

    def late(draft: filing.Draft, *, actor: User) -> TrunkRequest:
        monkeypatch.undo()
        really(cast.draft(estate.other_sub, estate.trunk, "18888001"), actor=actor)
        return really(draft, actor=actor)

    monkeypatch.setattr(filing, "file", late)
    content = page(client, typed(estate, checked=digest))
    assert "1 of 2 filed" in content
    assert "18888001 is taken by" in content


def test_where_nothing_could_be_filed_the_page_says_so(
    signed_in: SignedIn, staff: User, estate: cast.Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(staff)
    digest = digest_in(page(client, typed(estate)))

    def revoked(draft: filing.Draft, *, actor: User) -> TrunkRequest:
        raise Refused("Only staff can.", who="somebody with the role staff")

    monkeypatch.setattr(filing, "file", revoked)
    content = page(client, typed(estate, checked=digest), 409)
    assert "0 of 2 filed" in content
    assert "Only staff can." in content
    assert "somebody with the role staff" in content


def test_a_database_that_gives_way_in_the_middle_names_what_is_filed(
    signed_in: SignedIn, staff: User, estate: cast.Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(staff)
    digest = digest_in(page(client, typed(estate)))
    really = filing.file

    def once(draft: filing.Draft, *, actor: User) -> TrunkRequest:
        if TrunkRequest.objects.exists():
            raise OperationalError("the connection is lost")
        return really(draft, actor=actor)

    monkeypatch.setattr(filing, "file", once)
    content = page(client, typed(estate, checked=digest), 503)
    assert TrunkRequest.objects.get().reference in content
    monkeypatch.undo()
    assert "2 of 2 filed" in page(client, typed(estate, checked=digest))
    assert TrunkRequest.objects.count() == 2


def test_too_few_supervisors_are_told_of_before_filing(
    signed_in: SignedIn, staff: User, estate: cast.Estate
) -> None:
    assert "Nobody but its authors could approve it" in page(signed_in(staff), typed(estate))
    cast.person("Sam Supervisor", Role.SUPERVISOR)
    assert "Nobody but its authors could approve it" not in page(signed_in(staff), typed(estate))
