"""Deactivating people, signing them out, and helping those who are locked out."""

from importlib import import_module

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.utils import timezone

from tests import cast
from tests.conftest import SignedIn
from tests.together import together
from trunks import audit
from trunks.models import Role, State, TrunkRequest, User
from trunks.workflow import authority, people
from trunks.workflow.errors import Refused, Stale


def session_of(user: User) -> UserSession:
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store.create()
    return UserSession.objects.create(
        user=user, session_key=store.session_key, ip="192.0.2.7", user_agent="x"
    )


def test_deactivating_ends_every_session_at_once_and_leaves_open_requests(
    administrator: User, staff: User, trunk_request: TrunkRequest, signed_in: SignedIn
) -> None:
    client = signed_in(staff)
    session_of(staff)
    assert client.get("/requests/").status_code == 200
    people.deactivate(staff, actor=administrator)
    assert client.get("/requests/").status_code == 302
    assert not UserSession.objects.filter(user=staff).exists()
    assert TrunkRequest.objects.get(pk=trunk_request.pk).state == State.PENDING
    event = audit.history(staff).get()
    assert (event.action, event.actor) == ("person.deactivated", administrator)
    assert event.after["open_requests_left"] == 1


def test_reactivating_does_not_revive_an_old_session(
    administrator: User, staff: User, signed_in: SignedIn
) -> None:
    client = signed_in(staff)
    people.deactivate(staff, actor=administrator)
    people.reactivate(staff, actor=administrator)
    assert client.get("/requests/").status_code == 302
    assert signed_in(staff).get("/requests/").status_code == 200
    assert User.objects.get(pk=staff.pk).holds(Role.STAFF)
    assert audit.history(staff).last().action == "person.reactivated"  # type: ignore[union-attr]


@pytest.mark.parametrize("verb", [people.deactivate, people.reactivate])
def test_somebody_too_late_is_told_so(verb: object, administrator: User, staff: User) -> None:
    if verb is people.deactivate:
        people.deactivate(staff, actor=administrator)
    with pytest.raises(Stale):
        verb(staff, actor=administrator)  # type: ignore[operator]


def test_the_last_administrator_is_not_deactivated(administrator: User) -> None:
    temporary = cast.person("Tom Temporary", Role.ADMINISTRATOR)
    temporary.role_grants.update(ends_on=timezone.now().date())
    with pytest.raises(Refused, match="last administrator"):
        people.deactivate(administrator, actor=temporary)
    assert User.objects.get(pk=administrator.pk).is_active
    assert audit.history(administrator).get().action == "person.action_refused"


def test_signing_somebody_out_ends_their_sessions(
    administrator: User, staff: User, signed_in: SignedIn
) -> None:
    client = signed_in(staff)
    session_of(staff)
    people.end_sessions(staff, actor=administrator)
    assert client.get("/requests/").status_code == 302
    assert audit.history(staff).get().after == {"sessions_ended": 1}


def test_lost_second_factors_are_removed_and_named(administrator: User, supervisor: User) -> None:
    for kind in (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES):
        Authenticator.objects.create(user=supervisor, type=kind, data={})
    people.reset_second_factors(supervisor, actor=administrator)
    assert not Authenticator.objects.filter(user=supervisor).exists()
    event = audit.history(supervisor).get()
    assert event.action == "factor.reset"
    assert event.before == {"second_factors": ["recovery_codes", "totp"]}
    with pytest.raises(Stale):
        people.reset_second_factors(supervisor, actor=administrator)


VERBS = [people.deactivate, people.reactivate, people.end_sessions, people.reset_second_factors]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_nobody_but_an_administrator_of_everything_they_may_do_changes_a_person(
    verb: object, staff: User, supervisor: User, superuser: User, stranger: User, estate: cast.Estate
) -> None:
    local = cast.person("Lola Local", Role.ADMINISTRATOR, master=estate.master)
    foreign = cast.person("Otto Other", Role.STAFF, master=estate.foreign_master)
    for actor, person in [(supervisor, staff), (superuser, staff), (local, staff), (local, foreign)]:
        with pytest.raises(Refused):
            verb(person, actor=actor)  # type: ignore[operator]
        assert audit.history(person).last().action == "person.action_refused"  # type: ignore[union-attr]
    with pytest.raises(Refused):
        verb(stranger, actor=local)  # type: ignore[operator]
    assert User.objects.get(pk=staff.pk).is_active


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_nobody_does_it_to_themselves(verb: object, administrator: User) -> None:
    cast.person("Amy Administrator", Role.ADMINISTRATOR)
    with pytest.raises(Refused, match="Nobody changes their own"):
        verb(administrator, actor=administrator)  # type: ignore[operator]


def test_an_administrator_of_one_master_deactivates_who_is_theirs_alone(estate: cast.Estate) -> None:
    local = cast.person("Lola Local", Role.ADMINISTRATOR, master=estate.master)
    theirs = cast.person("Nora Near", Role.STAFF, master=estate.master)
    people.deactivate(theirs, actor=local)
    assert not User.objects.get(pk=theirs.pk).is_active


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_deactivate_each_other_at_the_same_moment() -> None:
    first, second = (cast.person(f"{name} Administrator", Role.ADMINISTRATOR) for name in ("Ada", "Amy"))

    def deactivate(actor: User, person: User) -> str:
        try:
            people.deactivate(User.objects.get(pk=person.pk), actor=User.objects.get(pk=actor.pk))
        except Refused:
            return "refused"
        return "done"

    outcomes = together(lambda: deactivate(first, second), lambda: deactivate(second, first))
    assert sorted(map(str, outcomes)) == ["done", "refused"]
    assert User.objects.filter(is_active=True).count() == 1


def test_of_a_master_account_that_somebody_knows_it_is_told_who_could_give_roles(estate: cast.Estate) -> None:
    knows = cast.person("Kay Knows", Role.STAFF, master=estate.master)
    answer = authority.may_give(knows, [estate.master])
    assert (bool(answer), answer.who) == (False, f"an administrator of {estate.master}")
    stranger = cast.person("Ann Other", Role.ADMINISTRATOR, master=estate.foreign_master)
    assert str(estate.master) not in authority.may_give(stranger, [estate.master]).reason
