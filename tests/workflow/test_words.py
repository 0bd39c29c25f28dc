"""Zoom's errors in plain words."""

import pytest

from trunks.workflow.words import explain, sentence
from trunks.zoom import errors
from trunks.zoom.errors import ZoomError


def kinds(base: type[ZoomError]) -> list[type[ZoomError]]:
    return [kind for child in base.__subclasses__() for kind in (child, *kinds(child))]


@pytest.mark.parametrize("kind", kinds(ZoomError))
def test_every_error_has_a_cause_a_next_step_and_somebody_who_can_take_it(kind: type[ZoomError]) -> None:
    words = explain(kind("message"))
    assert words.cause.endswith(".")
    assert words.next_step.endswith(".")
    assert words.who
    assert str(words) == f"{words.cause} {words.next_step}"


@pytest.mark.parametrize(
    "kind", [kind for kind in kinds(ZoomError) if kind not in (errors.Doubtful, errors.Refused)]
)
def test_every_error_but_the_last_resort_has_words_of_its_own(kind: type[ZoomError]) -> None:
    assert explain(kind()) != explain(errors.Refused())


def test_the_missing_scope_is_named() -> None:
    assert "lacks the scope a:b, c:d." in sentence(errors.ScopeMissing(scopes=("a:b", "c:d")))
    assert "lacks a scope." in sentence(errors.ScopeMissing())


def test_zooms_own_words_and_the_tracking_id_stand_behind() -> None:
    error = errors.NotEnrolled("No plan.", status=400, code=300, tracking_id="WEB_1")
    assert sentence(error).endswith("(Zoom's words: No plan., HTTP 400, code 300, tracking id WEB_1)")


def test_an_error_without_details_has_no_brackets() -> None:
    assert sentence(errors.NotSent()) == (
        "Zoom cannot be reached; nothing was sent. The portal tries again by itself."
    )
