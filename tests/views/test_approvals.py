"""The supervisors' queue."""

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests import cast
from tests.conftest import SignedIn
from trunks.models import Role, RoleGrant, TrunkRequest, User
from trunks.workflow import delegating, filing, quorum, review

QUEUE = "/approvals/"


def shown(client: Client) -> list[str]:
    return [row.reference for row in client.get(QUEUE).context["page"].rows]


def test_the_oldest_comes_first(
    signed_in: SignedIn, staff: User, supervisor: User, estate: cast.Estate
) -> None:
    filed = [
        filing.file(cast.draft(estate.sub, estate.trunk, dnis), actor=staff).reference
        for dnis in ("18888001", "18888002", "18888003")
    ]
    assert shown(signed_in(supervisor)) == filed


def test_it_tells_in_one_glance_what_is_asked(
    signed_in: SignedIn, supervisor: User, staff: User, estate: cast.Estate
) -> None:
    draft = cast.draft(estate.sub, estate.trunk, "18888001", "18888002", reason="New <b>site</b>")
    filing.file(draft, actor=staff)
    content = signed_in(supervisor).get(QUEUE).content.decode()
    for text in (
        "Adatum Logistics",
        "2 trunks",
        "18888</span>001",
        "New &lt;b&gt;site&lt;/b&gt;",
        "Stella Staff",
    ):
        assert text in content


def test_ones_own_is_shown_as_not_decidable(
    signed_in: SignedIn, superuser: User, estate: cast.Estate
) -> None:
    filing.file(cast.draft(estate.sub, estate.trunk, "18888001"), actor=superuser)
    content = signed_in(superuser).get(QUEUE).content.decode()
    assert "You filed or amended this request, so somebody else decides on it." in content
    assert ">Review<" not in content
    assert 'name="chosen"' not in content


def test_what_was_approved_already_cannot_be_chosen_and_says_so_in_the_words_of_the_request_s_page(
    signed_in: SignedIn,
    supervisor: User,
    trunk_request: TrunkRequest,
    second_staff: User,
    estate: cast.Estate,
) -> None:
    cast.policy(estate.master, approvals=2)
    day = timezone.now().date()
    delegating.make(delegating.Terms(second_staff, day, day, "Holiday"), actor=supervisor)
    review.approve(trunk_request, actor=second_staff, version=1)
    own_page = f"/requests/{trunk_request.reference}/"
    for user, words in (
        (second_staff, "You have already approved it; another supervisor has to give the next approval."),
        (
            supervisor,
            "Stan Staff has already approved it on your behalf; another supervisor has to give the next approval.",
        ),
    ):
        client = signed_in(user)
        content = client.get(QUEUE).content.decode()
        assert words in content
        assert words in client.get(own_page).content.decode()
        assert 'name="chosen"' not in content
        assert "Look at the ticked ones together" not in content


def test_an_approval_by_who_is_no_longer_supervisor_is_not_counted(
    signed_in: SignedIn,
    supervisor: User,
    second_supervisor: User,
    trunk_request: TrunkRequest,
    estate: cast.Estate,
) -> None:
    cast.policy(estate.master, approvals=2)
    review.approve(trunk_request, actor=supervisor, version=1)
    client = signed_in(second_supervisor)
    assert "1 of 2 approvals" in client.get(QUEUE).content.decode()
    RoleGrant.objects.filter(user=supervisor).delete()
    assert "0 of 2 approvals" in client.get(QUEUE).content.decode()


def test_what_has_expired_cannot_be_chosen_although_no_sweep_has_ended_it(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest
) -> None:
    client = signed_in(supervisor)
    assert f'name="chosen" value="{trunk_request.reference}"' in client.get(QUEUE).content.decode()
    TrunkRequest.objects.update(changed_at=cast.LONG_AGO)
    content = client.get(QUEUE).content.decode()
    assert "It has expired" in content
    assert 'name="chosen"' not in content


def test_what_is_decided_is_gone_from_it(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest
) -> None:
    client = signed_in(supervisor)
    assert shown(client) == [trunk_request.reference]
    review.deny(trunk_request, actor=supervisor, version=1, comment="No")
    assert shown(client) == []
    assert "Nothing waits for a decision." in client.get(QUEUE).content.decode()


def test_only_the_masters_one_supervises_are_in_it(
    signed_in: SignedIn, estate: cast.Estate, trunk_request: TrunkRequest
) -> None:
    other = cast.person("Olga Other", Role.SUPERVISOR, master=estate.foreign_master)
    assert shown(signed_in(other)) == []


@pytest.mark.parametrize("role", ["staff", "manager", "administrator", "stranger"])
def test_it_is_for_supervisors(
    signed_in: SignedIn, request: pytest.FixtureRequest, trunk_request: TrunkRequest, role: str
) -> None:
    response = signed_in(request.getfixturevalue(role)).get(QUEUE)
    assert response.status_code == 403
    assert "for people with the role supervisor" in response.content.decode()


def test_it_is_read_only(signed_in: SignedIn, supervisor: User) -> None:
    assert signed_in(supervisor).post(QUEUE).status_code == 405


@pytest.mark.parametrize("count", [1, 8])
def test_the_number_of_queries_is_fixed(
    signed_in: SignedIn,
    superuser: User,
    staff: User,
    estate: cast.Estate,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
) -> None:
    for number in range(count):
        for actor, base in ((staff, 18888300), (superuser, 18888500)):
            filing.file(cast.draft(estate.sub, estate.trunk, str(base + number)), actor=actor)
    client = signed_in(superuser)
    with django_assert_num_queries(11):
        client.get(QUEUE)


def test_the_number_of_approvals_is_the_stricter_of_then_and_today(
    signed_in: SignedIn, supervisor: User, trunk_request: TrunkRequest, staff: User, estate: cast.Estate
) -> None:
    client = signed_in(supervisor)
    assert "approval" not in client.get(QUEUE).content.decode().split("<tbody>")[1].split("</tbody>")[0]
    cast.policy(estate.master, approvals=3)
    filing.file(cast.draft(estate.sub, estate.trunk, "18888777"), actor=staff)
    assert client.get(QUEUE).content.decode().count("0 of 3 approvals") == 2
    # Weaker today: what was filed under the stricter policy keeps it.
    cast.policy(estate.master, approvals=2)
    content = client.get(QUEUE).content.decode()
    assert "0 of 2 approvals" in content
    assert "0 of 3 approvals" in content
    for one in TrunkRequest.objects.all():
        assert quorum.needed_today([one]) == {one.pk: quorum.of(one).needed}
