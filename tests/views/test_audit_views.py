"""Views of the trail that managers keep, and share."""

import pytest
from django.test import Client

from tests import cast
from tests.conftest import SignedIn
from tests.views import test_audit_tools
from tests.views.test_audit_tools import told
from trunks.actions import Action
from trunks.models import Role, SavedView, TrunkRequest, User
from trunks.workflow import oversight

client = test_audit_tools.client


def test_a_view_is_kept_shown_shared_and_removed(
    client: Client, manager: User, trunk_request: TrunkRequest, signed_in: SignedIn
) -> None:
    answer = client.post(
        "/audit/views/",
        {"name": "Filed", "query": "action=request.filed&after=%5B5%5D&junk=1", "shared": "on"},
    )
    assert answer.headers["Location"] == "/audit/?action=request.filed"
    view = SavedView.objects.get()
    assert (view.owner, view.query, view.shared) == (manager, "action=request.filed", True)
    assert [event.after for event in told(manager, Action.VIEW_SAVED)] == [
        {"filters": "action=request.filed", "shared": True}
    ]
    assert '<a href="?action=request.filed"' in client.get("/audit/").content.decode()

    other = signed_in(cast.person("Rita Reader", Role.MANAGER))
    assert "by Mia Manager" in " ".join(other.get("/audit/").content.decode().split())
    assert other.post(f"/audit/views/{view.pk}/remove/").status_code == 403
    assert SavedView.objects.exists()

    for _ in range(2):
        assert client.post(f"/audit/views/{view.pk}/remove/").status_code == 302
    assert not SavedView.objects.exists()
    assert len(told(manager, Action.VIEW_REMOVED)) == 1


def test_a_shared_view_tells_managers_of_another_master_account_nothing(
    client: Client, estate: cast.Estate, trunk_request: TrunkRequest, signed_in: SignedIn
) -> None:
    """Its name and filters name customers and numbers; only of a master account of their own are they theirs to see."""
    here, there = estate.master, estate.foreign_master
    for name, query in (("All of it", "dnis=18888123"), ("Northwind's", f"dnis=18888123&master={here.pk}")):
        client.post("/audit/views/", {"name": name, "query": query, "shared": "on"})
    everything, narrowed = SavedView.objects.order_by("id")
    own = signed_in(cast.person("Nora Northwind", Role.MANAGER, master=here))
    assert own.get("/audit/").context["views"] == [narrowed]
    foreign = signed_in(cast.person("Fred Foreign", Role.ADMINISTRATOR, master=there))
    page = foreign.get("/audit/")
    assert page.context["views"] == []
    assert "18888123" not in page.content.decode()
    # As if there were no such view: neither a word of whose it is, nor an event of a refusal.
    assert foreign.post(f"/audit/views/{everything.pk}/remove/").status_code == 302
    assert SavedView.objects.count() == 2
    assert signed_in(cast.person("Rita Reader", Role.MANAGER)).get("/audit/").context["views"] == [
        everything,
        narrowed,
    ]


def test_a_view_that_is_not_shared_is_nobody_elses(client: Client, signed_in: SignedIn) -> None:
    client.post("/audit/views/", {"name": "Mine", "query": "outcome=failed"})
    other = signed_in(cast.person("Rita Reader", Role.MANAGER))
    assert other.get("/audit/").context["views"] == []
    view = SavedView.objects.get()
    assert other.post(f"/audit/views/{view.pk}/remove/").status_code == 302
    assert SavedView.objects.exists()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "", "query": "outcome=failed"}, "This field is required"),
        ({"name": "x", "query": "outcome=invented"}, "cannot be kept"),
        ({"name": "x", "query": "junk=1"}, "cannot be kept"),
        ({"name": "Twice", "query": "outcome=failed"}, "a view of this name"),
        ({"name": "\u200b\u2060", "query": "outcome=failed"}, "a name that can be seen"),
    ],
)
def test_a_view_that_cannot_be_kept_says_why_and_loses_nothing(
    client: Client, manager: User, values: dict[str, str], said: str
) -> None:
    SavedView.objects.create(owner=manager, name="Twice", query="outcome=done")
    answer = client.post("/audit/views/", values)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert values["query"] in answer.content.decode()
    assert told(manager, Action.VIEW_SAVED) == []


def test_fifty_views_are_enough(client: Client, manager: User) -> None:
    SavedView.objects.bulk_create(
        SavedView(owner=manager, name=f"{n}", query="outcome=done") for n in range(50)
    )
    answer = client.post("/audit/views/", {"name": "one more", "query": "outcome=failed"})
    assert "Remove one first" in answer.content.decode()


def test_a_view_that_is_removed_twice_at_once_leaves_one_event(manager: User) -> None:
    view = oversight.keep_view(actor=manager, name="Failed", query="outcome=failed", shared=False)
    second = SavedView.objects.get(pk=view.pk)
    for one in (view, second):
        oversight.remove_view(one, actor=manager)
    assert len(told(manager, Action.VIEW_REMOVED)) == 1
