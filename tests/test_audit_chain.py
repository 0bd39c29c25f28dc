"""Reading the chain: the database's encoding is the reference's, byte by byte, and every misfit is told apart."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import cast
from trunks import audit, audit_chain, chain
from trunks.actions import Action
from trunks.audit_chain import Misfit, Place
from trunks.models import User
from trunks.models.audit_event import AuditEvent

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)


def record(user: User, **more: Any) -> None:
    with transaction.atomic():
        audit.record(Action.ROLE_GRANTED, actor=user, on=user, **more)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(comment=TEXT, tracking=TEXT, value=st.none() | st.integers() | TEXT | st.lists(TEXT, max_size=3))
def test_the_database_puts_an_event_into_the_same_bytes_as_the_reference(
    staff: User, comment: str, tracking: str, value: object
) -> None:
    record(staff, comment=comment, tracking_id=tracking, before={comment: value}, after={"é": value})
    *_, before, event = [None, *AuditEvent.objects.order_by("id")]
    [(position, at, written, body)] = audit_chain.piece(event.id - 1, event.id)
    previous = before.hash if before else chain.GENESIS
    fields = {field.attname: field for field in AuditEvent._meta.concrete_fields}
    said = {name: fields[name].get_prep_value(getattr(event, name)) for name in chain.FIELDS}
    whole = f"{chain.VERSION}64:{previous}{body}".encode()
    assert hashlib.sha256(whole).hexdigest() == chain.link(previous, said) == written
    assert (position, at) == (event.id, chain.microseconds(event.at))


def test_a_chain_is_followed_in_pieces_from_anywhere(staff: User, estate: cast.Estate) -> None:
    for _ in range(7):
        record(staff, master=estate.master, on_behalf_of=staff)
    whole = audit_chain.follow(Place(), audit_chain.piece(0, 7))
    place = Place()
    while rows := audit_chain.piece(place.position, 7, size=3):
        assert len(rows) <= 3
        place = audit_chain.follow(place, rows)
    assert place == whole
    assert audit_chain.ends()[0] == Place(whole.position, whole.hash)
    assert audit_chain.at(7) == whole
    assert audit_chain.at(8) is None


def test_an_empty_trail_has_ends_too(db: None) -> None:
    assert audit_chain.ends() == (Place(), Place())
    assert audit_chain.first_moment() is None
    assert audit_chain.moment_of(Place()) is None


@pytest.mark.parametrize(
    ("rows", "position", "words"),
    [
        ([(2, 1, "", "")], 1, "missing"),
        ([(9, 1, "", "")], 1, "the events 1 to 8 are missing"),
        ([(0, 1, "", "")], 0, "more than one event with this number"),
        ([(1, None, "", "x")], 1, "cannot hold"),
        ([(1, 1, "", None)], 1, "cannot hold"),
        ([(1, 1, "", "x")], 1, "altered"),
    ],
)
def test_every_misfit_is_told_apart(rows: list[audit_chain.Row], position: int, words: str) -> None:
    with pytest.raises(Misfit, match=words) as caught:
        audit_chain.follow(Place(), rows)
    assert caught.value.position == position
