"""Which version of a request a supervisor has seen."""

import pytest
from django.utils import timezone

from tests import cast
from tests.together import together
from trunks.models import Look, TrunkRequest, User
from trunks.workflow import delegating, filing, looks, review

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


def amended(trunk_request: TrunkRequest, estate: cast.Estate, dnis: str) -> TrunkRequest:
    draft = cast.draft(estate.sub, estate.trunk, dnis)
    return filing.amend(trunk_request, draft, actor=trunk_request.filed_by, version=trunk_request.version)


def test_each_version_is_noted_once(
    trunk_request: TrunkRequest, supervisor: User, estate: cast.Estate
) -> None:
    assert looks.note(trunk_request, actor=supervisor)
    first = Look.objects.get()
    assert not looks.note(trunk_request, actor=supervisor)
    assert Look.objects.get().at == first.at
    assert str(first) == f"Sam Supervisor saw {trunk_request.pk} version 1"
    amended(trunk_request, estate, "18888555")
    assert looks.note(trunk_request, actor=supervisor)
    assert list(Look.objects.order_by("id").values_list("content_version", flat=True)) == [1, 2]


@pytest.mark.parametrize("who", ["staff", "manager", "administrator", "stranger"])
def test_who_does_not_decide_leaves_no_note(
    request: pytest.FixtureRequest, trunk_request: TrunkRequest, who: str
) -> None:
    assert not looks.note(trunk_request, actor=request.getfixturevalue(who))
    assert not Look.objects.exists()


def test_who_stands_in_for_a_supervisor_is_told_like_one_what_changed(
    trunk_request: TrunkRequest, supervisor: User, second_staff: User, estate: cast.Estate
) -> None:
    day = timezone.now().date()
    delegating.make(delegating.Terms(second_staff, day, day, "Holiday"), actor=supervisor)
    assert looks.note(trunk_request, actor=second_staff)
    amended(trunk_request, estate, "18888555")
    look = looks.before(trunk_request, second_staff)
    assert look is not None
    assert look.content_version == 1


def test_what_is_decided_is_not_noted(trunk_request: TrunkRequest, supervisor: User) -> None:
    review.deny(trunk_request, actor=supervisor, version=1, comment="No")
    assert not looks.note(trunk_request, actor=supervisor)
    assert not Look.objects.exists()


def test_the_newest_version_seen_before_is_what_is_compared_with(
    trunk_request: TrunkRequest, supervisor: User, second_supervisor: User, estate: cast.Estate
) -> None:
    looks.note(trunk_request, actor=supervisor)
    assert looks.before(trunk_request, supervisor) is None
    amended(trunk_request, estate, "18888555")
    amended(trunk_request, estate, "18888556")
    look = looks.before(trunk_request, supervisor)
    assert look is not None
    assert look.content_version == 1
    # Having seen the present version as well changes nothing: there is still an older one to compare with.
    looks.note(trunk_request, actor=supervisor)
    assert looks.before(trunk_request, supervisor) == look
    assert looks.before(trunk_request, second_supervisor) is None
    review.deny(trunk_request, actor=supervisor, version=3, comment="No")
    assert looks.before(trunk_request, supervisor) is None


@pytest.mark.django_db(transaction=True)
def test_two_tabs_at_once_leave_one_note(trunk_request: TrunkRequest, supervisor: User) -> None:
    def look() -> bool:
        return looks.note(
            TrunkRequest.objects.get(pk=trunk_request.pk), actor=User.objects.get(pk=supervisor.pk)
        )

    assert True in together(look, look)
    assert Look.objects.count() == 1
