"""People, for administrators: who there is, what each may do, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.sessions.models import Session
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from trunks import access, audit
from trunks.forms.people import ACTIVE, ALL, GrantForm, PeopleFilter, held
from trunks.forms.problems import show
from trunks.models import OPEN_STATES, Role, User
from trunks.step_up import Kept
from trunks.views.http import HtmxHttpRequest, not_done_page, problem_page
from trunks.views.paging import page
from trunks.views.step_up import proof_required
from trunks.workflow import authority, oversight, people, roles
from trunks.workflow.errors import Invalid, Refused, Stale

BY_NAME = ("name", "id")
SHOWN_EVENTS = 50
SHOWN_REQUESTS = 50
SHOWN_INVITATIONS = 100


def _whom(kept: Kept) -> User:
    return access.person_for(kept.user, kept.args["pk"])


@require_GET
def list_people(request: HtmxHttpRequest) -> HttpResponse:
    """List the people with their roles, and the invitations that nobody has taken up yet."""
    access.require(request.user, Role.ADMINISTRATOR)
    chosen = PeopleFilter(request.GET)
    grants = Prefetch("role_grants", queryset=access.grants_for(request.user), to_attr="known_grants")
    factors = Prefetch("authenticator_set", queryset=Authenticator.objects.all(), to_attr="factors")
    found = access.search_people(request.user, chosen.wanted).prefetch_related(grants, factors)
    if chosen.shown != ALL:
        found = found.filter(is_active=chosen.shown == ACTIVE)
    invited = list(access.invitations_for(request.user)[: SHOWN_INVITATIONS + 1])
    context = {
        "filter": chosen,
        "page": page(found, request, BY_NAME),
        "invitations": invited[:SHOWN_INVITATIONS],
        "more_invited": len(invited) > SHOWN_INVITATIONS,
    }
    return render(request, "trunks/people.html", context)


@require_GET
def detail(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    return _page(request, _person(request, pk))


@require_POST
@proof_required("give a role to {}", _whom)
def grant(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Give the person a role, or change until when they hold it."""
    person = _person(request, pk)
    form = grant_form(request.user, request.POST)
    if not form.is_valid():
        return _page(request, person, form)
    verb = partial(
        roles.grant,
        actor=request.user,
        role=form.chosen_role,
        masters=form.chosen_masters,
        ends_on=form.last_day,
    )
    return _carry_out(request, person, verb, "The role is granted, from their next click on.", form)


@require_POST
@proof_required("take a role from {}", _whom)
def revoke(request: HtmxHttpRequest, pk: int, grant_pk: int) -> HttpResponse:
    """Take a role away; one that somebody else has just taken away is said to be gone."""
    person = _person(request, pk)
    found = access.grants_for(request.user).filter(pk=grant_pk, user=person).first()
    if found is None:
        return problem_page(request, 409, reason="The role has been revoked already.", back=_back(pk))

    def verb(_: User) -> None:
        roles.revoke(found, actor=request.user)

    return _carry_out(request, person, verb, "The role is revoked, from their next click on.")


@require_POST
@proof_required("deactivate {}", _whom)
def deactivate(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    person = _person(request, pk)
    done = f"{person} is deactivated and signed out everywhere."
    return _carry_out(request, person, partial(people.deactivate, actor=request.user), done)


@require_POST
@proof_required("reactivate {}", _whom)
def reactivate(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    person = _person(request, pk)
    done = f"{person} can sign in again, with the roles below."
    return _carry_out(request, person, partial(people.reactivate, actor=request.user), done)


@require_POST
@proof_required("sign {} out everywhere", _whom)
def end_sessions(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    person = _person(request, pk)
    done = f"{person} is signed out everywhere."
    return _carry_out(request, person, partial(people.end_sessions, actor=request.user), done)


@require_POST
@proof_required("remove the second factors of {}", _whom)
def reset_factors(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    person = _person(request, pk)
    done = f"{person} has no second factor any more, and is signed out everywhere."
    return _carry_out(request, person, partial(people.reset_second_factors, actor=request.user), done)


def grant_form(user: User, data: Any = None) -> GrantForm:
    return GrantForm(data, **what_may_be_given(user))


def what_may_be_given(user: User) -> dict[str, Any]:
    """Return what the forms offer: the master accounts that `user` administers, and whether those are all."""
    return {
        "administered": access.administered_masters(user).order_by("name"),
        "all_masters": access.for_all_masters(user, Role.ADMINISTRATOR),
    }


def _person(request: HtmxHttpRequest, pk: int) -> User:
    access.require(request.user, Role.ADMINISTRATOR)
    return access.person_for(request.user, pk)


def _back(pk: int) -> tuple[str, str]:
    return reverse("person", args=[pk]), "Go to the person's page"


def _carry_out(
    request: HtmxHttpRequest,
    person: User,
    verb: Callable[[User], None],
    done: str,
    form: GrantForm | None = None,
) -> HttpResponse:
    """Do `verb` and go back to the person's page; or say, with the right status, why it was not done."""
    try:
        verb(person)
    except Invalid as error:
        assert form is not None  # noqa: S101  # only what comes from a form can be invalid
        show(form, error.problems)
        return _page(request, person, form)
    except (Refused, Stale) as error:
        return not_done_page(request, error, back=_back(person.pk))
    messages.success(request, done)
    if not access.people_for(request.user).filter(pk=person.pk).exists():
        return redirect("people")  # with the last role that one administers, the person is out of sight
    return redirect("person", person.pk)


def _page(request: HtmxHttpRequest, person: User, failed: GrantForm | None = None) -> HttpResponse:
    viewer = request.user
    may_change = authority.may_change_person(viewer, person)
    filed = access.trunk_requests_for(viewer).filter(filed_by=person, state__in=OPEN_STATES).order_by("-id")
    events = audit.search(viewer, audit.Filters(object_type="user", object_id=str(person.pk)))
    alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    sessions = UserSession.objects.filter(user=person, session_key__in=alive).order_by("-created_at")
    context = {
        "person": person,
        "held": held(person, access.grants_for(viewer).filter(user=person)),
        "may_change_roles": authority.may_change_roles(viewer, person, []),
        "may_change": may_change,
        "form": failed or grant_form(viewer),
        "trunk_requests": list(filed[:SHOWN_REQUESTS]),
        "open_requests": filed.count(),
        "sessions": list(sessions) if may_change else [],
        "factors": list(Authenticator.objects.filter(user=person).order_by("type", "pk")),
        "history": list(events[:SHOWN_EVENTS]),
    }
    if context["sessions"]:
        oversight.note_reading_of_sessions(person, actor=viewer)
    return render(request, "trunks/person.html", context, status=422 if failed else 200)
