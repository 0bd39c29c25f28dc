"""The audit trail: searching it, one event in full, all of one person. Nothing here can change an event."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from trunks import access, audit, audit_finding
from trunks.audit_finding import Found
from trunks.audit_index import Standing, standing
from trunks.audit_reading import READERS, Filters
from trunks.forms import problems
from trunks.forms.audit import FILTERS, AuditFilter, KeepView, asked_query, kept_query
from trunks.forms.moments import moment_of
from trunks.forms.problems import Problem
from trunks.models import User
from trunks.templatetags.events import story_of
from trunks.views.audit_pages import TrailPage, address, older_than, place, trail_page
from trunks.views.audit_words import Understood, understand
from trunks.views.http import HtmxHttpRequest, not_done_page
from trunks.views.paging import AFTER
from trunks.views.story import trunk_names
from trunks.workflow import oversight
from trunks.workflow.errors import Invalid, Refused

LONGEST_NUMBER = 18  # digits that are sure to fit into the column
AS_WORDS = "as_words"  # in the address: the words were not meant as anything else


@dataclass(frozen=True)
class Chip:
    """One filter in use, as the page shows it, and the address of the list without it."""

    title: str
    value: str
    url: str


@require_GET
def trail(request: HtmxHttpRequest) -> HttpResponse:
    """List the events that the address asks for, newest first."""
    access.require(request.user, *READERS)
    where = standing(older_than(request))
    chosen = AuditFilter(request.GET, user=request.user, standing=where)
    filters = chosen.filters()
    meant = _meant(request, chosen, where)
    if meant.filters:
        return HttpResponseRedirect(address(request, q="", **meant.filters))
    if moment := moment_of(request.GET.get("at", "")):
        return HttpResponseRedirect(address(request, **{AFTER: place(audit_finding.beginning_at(moment))}))
    # A filter that was not understood must not pass for one that found all of this.
    page = (
        TrailPage([], Found([], more=False))
        if chosen.errors
        else trail_page(request, request.user, filters, where)
    )
    _note_what_is_personal(request.user, filters, page)
    context = {
        "page": page,
        "filter": chosen,
        "chips": _chips(request, chosen, page),
        "presets": _presets(request),
        "suggestions": [(one, address(request, q="", **one.values)) for one in meant.suggestions],
        "views": access.saved_views_for(request.user, *READERS),
        "kept": [
            (name, value) for name, values in request.GET.lists() for value in values if name in FILTERS
        ],
        "keep": KeepView(initial={"query": asked_query(request.GET)}),
        "story": _story(filters, page) if chosen.narrowed else "",
        "export_query": asked_query(request.GET),
    }
    return render(request, "trunks/audit.html", context, status=422 if chosen.errors else 200)


def _story(filters: Filters, page: TrailPage) -> str:
    """Return the story of the request that was asked for, or that all found events are about, or ""."""
    about = {(event.object_type, event.object_id) for event in page.rows}
    if len(about) == 1 and not (page.next_url or page.previous_url):
        return story_of(*about.pop())
    return story_of(filters.object_type, filters.object_id)


@require_GET
def event(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Show one event: who, what, when, from where, before and after."""
    access.require(request.user, *READERS)
    found = audit.event_for(request.user, pk)
    return render(request, "trunks/audit_event.html", {"event": found, "trunk_names": trunk_names([found])})


@require_GET
def person(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Show all that one person has done, newest first; that it was read is itself put on record."""
    access.require(request.user, *READERS)
    where = standing(older_than(request))
    page = trail_page(request, request.user, Filters(actor=pk), where)
    someone = User.objects.filter(pk=pk).first()
    if someone is None or not (page.rows or access.for_all_masters(request.user, *READERS)):
        raise Http404("Nobody is known by this number.")
    oversight.note_reading_of_person(someone, actor=request.user)
    roles = ", ".join(str(role.label) for role in access.roles_seen(someone, by=request.user))
    return render(request, "trunks/audit_person.html", {"person": someone, "roles": roles, "page": page})


@require_POST
def keep(request: HtmxHttpRequest) -> HttpResponse:
    """Keep the filters of a page under a name, and show them again."""
    access.require(request.user, *READERS)
    form = KeepView(request.POST)
    if form.is_valid():
        try:
            query = kept_query(form.cleaned_data["query"], user=request.user, standing=standing())
            values = form.cleaned_data | {"query": query}
            oversight.keep_view(actor=request.user, **values)
        except (ValidationError, Invalid) as error:
            if isinstance(error, Invalid):
                problems.show(form, error.problems)
            else:
                form.add_error(None, error)
        else:
            return redirect(f"/audit/?{query}")
    found = [
        Problem(str(text), name and f"id_{name}") for name, texts in form.errors.items() for text in texts
    ]
    return render(request, "trunks/audit_keep.html", {"form": form, "problems": found}, status=422)


@require_POST
def unkeep(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Remove one of the person's own views; a second click finds it gone, which is what was asked for."""
    access.require(request.user, *READERS)
    views = access.saved_views_for(request.user, *READERS)
    view = next((view for view in views if view.pk == pk), None)
    if view is None:
        return redirect("audit")
    try:
        oversight.remove_view(view, actor=request.user)
    except Refused as refused:
        return not_done_page(request, refused)
    return redirect("audit")


def _meant(request: HtmxHttpRequest, chosen: AuditFilter, where: Standing) -> Understood:
    words = chosen.cleaned_data.get("q", "")
    if not words or chosen.errors or AS_WORDS in request.GET:
        return Understood()
    return understand(request.user, words, where)


def _note_what_is_personal(user: User, filters: Filters, page: TrailPage) -> None:
    """Put on record that the events of one person, or of one address, were read; an empty page tells nothing.

    Those about a person are theirs as well: when and from where they signed in.
    """
    about = filters.object_id if filters.object_type == "user" else ""
    asked = [pk for pk in {str(filters.actor or ""), about} if pk.isdecimal() and len(pk) <= LONGEST_NUMBER]
    for pk in asked if page.rows else ():
        with suppress(User.DoesNotExist):
            oversight.note_reading_of_person(User.objects.get(pk=int(pk)), actor=user)
    if page.rows and filters.ip:
        oversight.note_reading_of_address(filters.ip, actor=user)


def _chips(request: HttpRequest, chosen: AuditFilter, page: TrailPage) -> list[Chip]:
    names = {
        "sub_account": page.rows[0].sub_account_name if page.rows else "",
        "object_id": page.rows[0].object_label if page.rows else "",
    }
    return [
        Chip(title, names.get(name) or value, address(request, **{name: ""}))
        for name, title, value in chosen.chosen()
        if name != "object_type" or not chosen.cleaned_data.get("object_id")
    ]


def _presets(request: HttpRequest) -> list[dict[str, str | bool]]:
    """Return the quick choices of days: links that keep every other filter of the address."""
    today = timezone.localdate()
    month = today.replace(day=1)
    last = month - timedelta(days=1)
    choices: dict[str, tuple[date, date | None]] = {
        "Today": (today, None),
        "7 days": (today - timedelta(days=6), None),
        "30 days": (today - timedelta(days=29), None),
        "This month": (month, None),
        "Last month": (last.replace(day=1), last),
    }
    return [_preset(request, title, since, until) for title, (since, until) in choices.items()]


def _preset(request: HttpRequest, title: str, since: date, until: date | None) -> dict[str, Any]:
    ends = {"since": since.isoformat(), "until": until.isoformat() if until else ""}
    chosen = all(request.GET.get(name, "") == value for name, value in ends.items())
    return {"title": title, "url": address(request, **ends), "chosen": chosen}
