"""The export's page: who may, which formats, which filters, and that it streams."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.conftest import SignedIn
from tests.sealed import Sealed
from trunks import audit_export
from trunks.models import User
from trunks.models.audit_event import AuditEvent

ADDRESS = "/audit/export/"


@pytest.fixture
def sealed(settings: Settings, tmp_path: Path, staff: User) -> Sealed:
    portal = Sealed(settings, tmp_path, staff)
    portal.act(4)
    return portal


@pytest.mark.parametrize("who", ["staff", "supervisor", "superuser", "stranger"])
def test_others_export_nothing(
    who: str, sealed: Sealed, signed_in: SignedIn, request: pytest.FixtureRequest
) -> None:
    assert signed_in(request.getfixturevalue(who)).get(f"{ADDRESS}?format=csv").status_code == 403
    before, refused = AuditEvent.objects.order_by("-id")[1], AuditEvent.objects.order_by("-id")[0]
    assert (before.id, refused.action) == (4, "access.refused")


@pytest.mark.parametrize("query", ["", "?format=xml", "?format="])
def test_an_unknown_format_is_none(query: str, sealed: Sealed, signed_in: SignedIn, manager: User) -> None:
    assert signed_in(manager).get(ADDRESS + query).status_code == 404


def test_it_is_asked_for_by_get(sealed: Sealed, signed_in: SignedIn, manager: User) -> None:
    assert signed_in(manager).post(f"{ADDRESS}?format=csv").status_code == 405


@pytest.mark.parametrize(
    ("form", "kind"), [("csv", "text/csv"), ("zip", "application/zip"), ("jsonl", "application/x-ndjson")]
)
def test_the_file_has_a_name_and_a_kind(
    form: str, kind: str, sealed: Sealed, signed_in: SignedIn, manager: User
) -> None:
    response = signed_in(manager).get(f"{ADDRESS}?format={form}")
    assert response["Content-Type"].startswith(kind)
    assert response["Content-Disposition"].startswith('attachment; filename="audit-')
    assert response["Content-Disposition"].endswith(f'.{form}"')


def test_the_filters_of_the_trail_hold(sealed: Sealed, signed_in: SignedIn, manager: User) -> None:
    client = signed_in(manager)
    query = f"format=jsonl&actor={sealed.user.pk}&object_type=user&after=%5B1%5D"
    *lines, proof = b"".join(client.get(f"{ADDRESS}?{query}")).splitlines()
    assert len(lines) == 4
    assert json.loads(proof)["proof"]["filters"] == f"actor={sealed.user.pk}&object_type=user"
    lines = b"".join(client.get(f"{ADDRESS}?format=jsonl&q=nobody-has-this")).splitlines()
    assert len(lines) == 1


def test_a_filter_that_is_not_understood_exports_nothing(
    sealed: Sealed, signed_in: SignedIn, manager: User
) -> None:
    response = signed_in(manager).get(f"{ADDRESS}?format=csv&since=yesterday")
    assert response.status_code == 422
    assert "A filter is not understood" in response.content.decode()
    assert AuditEvent.objects.count() == 4


def test_the_first_line_leaves_before_the_last_is_read(
    sealed: Sealed, signed_in: SignedIn, manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_export, "PIECE", 1)
    response = signed_in(manager).get(f"{ADDRESS}?format=jsonl")
    assert response.streaming
    stream = iter(response)
    first = json.loads(next(stream))
    sealed.act()
    rest = [json.loads(line) for line in stream]
    assert [first["id"], *(line["id"] for line in rest[:-1])] == [1, 2, 3, 4]


def test_the_page_offers_it_with_its_filters_and_says_that_it_is_written_down(
    sealed: Sealed, signed_in: SignedIn, manager: User
) -> None:
    content = signed_in(manager).get("/audit/?object_type=user&after=%5B3%5D").content.decode()
    for form in ("csv", "zip", "jsonl"):
        assert f'href="/audit/export/?object_type=user&amp;format={form}"' in content
    assert "An export is an event of the audit trail" in content
