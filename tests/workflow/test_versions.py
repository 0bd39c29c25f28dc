"""What differs between two versions of a request, in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tests import cast
from trunks.models import MasterTrunk, Revision, TrunkRequest, User
from trunks.workflow import filing, versions
from trunks.workflow.filing import Draft, LineDraft
from trunks.workflow.versions import Change

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]
WINDOW = (datetime.now(UTC) + timedelta(days=30)).replace(hour=20, minute=30)


def between(trunk_request: TrunkRequest, draft: Draft) -> list[Change]:
    """Return what `draft` changes as the next version."""
    filing.amend(trunk_request, draft, actor=trunk_request.filed_by, version=trunk_request.version)
    *_, old, new = versions.of(trunk_request)
    return versions.changes(old, new)


def revision(kind: str, *lines: dict[str, str], **more: str) -> Revision:
    content = {"master": "m", "sub_account": "a", "kind": kind, "lines": list(lines)}
    return Revision(trunk_request=TrunkRequest(master_id=1), content=content, **more)


def line(dnis: str, current_dnis: str = "", caller_id: str = "") -> dict[str, str]:
    told = {"trunk": "268", "dnis": dnis, "outbound_caller_id": caller_id}
    return told | ({"current_dnis": current_dnis} if current_dnis else {})


def test_lines_added_removed_and_changed_are_told_by_their_dnis(
    trunk_request: TrunkRequest, estate: cast.Estate
) -> None:
    lines = [
        LineDraft(estate.trunk, "18888123", "+14155550111"),
        LineDraft(estate.other_trunk, "90001123", ""),
    ]
    draft = replace(filing.draft_of(trunk_request), lines=lines)
    assert between(trunk_request, draft) == [
        (
            "Line 18888123",
            "through HQ trunk, caller ID +14155550100",
            "through HQ trunk, caller ID +14155550111",
        ),
        ("Line 90001123 (added)", None, "through Backup trunk, no caller ID"),
    ]
    fewer = replace(draft, lines=lines[1:])
    assert between(trunk_request, fewer) == [
        ("Line 18888123 (removed)", "through HQ trunk, caller ID +14155550111", None)
    ]


def test_the_other_values_are_told_with_their_names(trunk_request: TrunkRequest, estate: cast.Estate) -> None:
    draft = replace(
        filing.draft_of(trunk_request),
        sub_account=estate.other_sub,
        reason="Moved",
        ticket="",
        not_before=WINDOW,
    )
    local = WINDOW.astimezone(ZoneInfo("Europe/Madrid"))
    with timezone.override("Europe/Madrid"):
        assert between(trunk_request, draft) == [
            ("Sub account", "Adatum Logistics", "Fourth Coffee"),
            ("Not before", None, f"{local.day} {local:%b %Y, %H:%M} {local.tzname()}"),
            ("Reason", "New customer", "Moved"),
            ("Ticket", "CHG-1", None),
        ]


def test_another_order_of_the_same_lines_is_said(trunk_request: TrunkRequest, estate: cast.Estate) -> None:
    lines = [LineDraft(estate.trunk, dnis, "") for dnis in ("18888001", "18888002")]
    draft = replace(filing.draft_of(trunk_request), lines=lines)
    between(trunk_request, draft)
    assert between(trunk_request, replace(draft, lines=lines[::-1])) == [
        ("Order of the lines", "18888001, 18888002", "18888002, 18888001")
    ]


def test_an_amendment_that_changes_nothing_differs_in_nothing(trunk_request: TrunkRequest) -> None:
    assert between(trunk_request, filing.draft_of(trunk_request)) == []


def test_kinds_are_told_with_what_is_done_to_the_present_trunk(db: None) -> None:
    taken = revision("unassign", line("18888123", "18888123"))
    changed = revision("change", line("18888124", "18888123", "+14155550100"))
    # The trunk is not known any more: its id is what is left.
    assert versions.changes(taken, changed) == [
        ("Kind", "Unassign", "Change"),
        ("Line 18888123", "taken away from 268", "becomes 18888124, through 268, caller ID +14155550100"),
    ]


def test_of_a_version_from_before_reasons_were_kept_no_reason_is_told(db: None) -> None:
    old, new = revision("assign"), revision("assign", reason="New customer", ticket="CHG-1")
    assert versions.changes(old, new) == []


def test_a_trunk_of_another_master_account_lends_no_name(
    trunk_request: TrunkRequest, estate: cast.Estate
) -> None:
    MasterTrunk.objects.filter(pk=estate.foreign_trunk.pk).update(zoom_id="268x", name="Secret name")
    (known,) = versions.of(trunk_request)
    other = Revision(
        trunk_request=trunk_request, content=known.content | {"lines": [line("1") | {"trunk": "268x"}]}
    )
    assert "Secret" not in str(versions.changes(known, other))


def test_the_versions_come_with_who_made_them(trunk_request: TrunkRequest, staff: User) -> None:
    between(trunk_request, filing.draft_of(trunk_request))
    assert [(one.content_version, one.author) for one in versions.of(trunk_request)] == [
        (1, staff),
        (2, staff),
    ]
