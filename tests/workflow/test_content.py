"""The digest: one for each content, whatever stands in it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import cast
from trunks.models import Line, MasterTrunk, TrunkRequest, User
from trunks.workflow import filing
from trunks.workflow.content import content_of, digest_of

_text = st.text(max_size=8)
_line = st.fixed_dictionaries({"trunk": _text, "dnis": _text, "outbound_caller_id": _text})
_content = st.fixed_dictionaries(
    {
        "master": _text,
        "sub_account": _text,
        "kind": st.sampled_from(["assign", "unassign"]),
        "lines": st.lists(_line, max_size=3),
    }
)


@given(_content, _content)
def test_two_contents_have_one_digest_exactly_when_they_are_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert (digest_of(one) == digest_of(other)) is (one == other)


@given(_content)
def test_the_digest_survives_the_database_and_the_order_of_keys(content: dict[str, Any]) -> None:
    stored = json.loads(json.dumps(content))
    assert digest_of(dict(reversed(stored.items()))) == digest_of(content)


@pytest.mark.sqlite
def test_a_draft_has_the_content_of_the_request_made_from_it(estate: cast.Estate, staff: User) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888124", "18888123", caller_id="1234")
    trunk_request = filing.file(draft, actor=staff)
    assert content_of(trunk_request) == draft.content()
    assert trunk_request.content_digest == digest_of(draft.content())


@pytest.mark.sqlite
def test_reason_and_ticket_are_not_what_would_be_carried_out(estate: cast.Estate) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888124")
    other = replace(draft, reason="Another", ticket="")
    assert digest_of(draft.content()) == digest_of(other.content())


@pytest.mark.sqlite
@pytest.mark.parametrize("change", [{"dnis": "18888999"}, {"outbound_caller_id": ""}, {"position": 7}])
def test_whatever_would_be_carried_out_changes_the_digest(
    change: dict[str, Any], estate: cast.Estate, staff: User
) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888123", "18888124", caller_id="1234")
    trunk_request = filing.file(draft, actor=staff)
    Line.objects.filter(trunk_request=trunk_request, position=1).update(**change)
    assert digest_of(content_of(trunk_request)) != trunk_request.content_digest


@pytest.mark.sqlite
def test_another_trunk_at_zoom_changes_the_digest(estate: cast.Estate, trunk_request: TrunkRequest) -> None:
    MasterTrunk.objects.filter(pk=estate.trunk.pk).update(zoom_id="999")
    assert digest_of(content_of(trunk_request)) != trunk_request.content_digest
