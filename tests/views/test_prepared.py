"""The page of prepared files: one's own, their progress, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests.conftest import SignedIn
from trunks import audit, audit_export
from trunks.models import PreparedFile, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import preparing

pytestmark = pytest.mark.django_db
PAGE = "/audit/files/"


def ask(signed_in: SignedIn, user: User, query: str = "", form: str = "csv") -> PreparedFile:
    answer = signed_in(user).post(f"{PAGE}ask/", {"format": form, "query": query})
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    return PreparedFile.objects.latest("id")


def test_it_is_asked_for_watched_and_taken(signed_in: SignedIn, manager: User) -> None:
    file = ask(signed_in, manager, "outcome=done")
    client = signed_in(manager)
    page = client.get(PAGE).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "<progress" in page
    assert client.get(f"{PAGE}{file.pk}/").status_code == 404
    preparing.prepare(file.pk)
    part = client.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert "hx-get" not in part
    assert "The file is prepared." in part
    PreparedFile.objects.update(events=1)
    assert "1 event, until" in client.get(PAGE).content.decode()
    answer = client.get(f"{PAGE}{file.pk}/")
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"].endswith('.zip"')
    assert b"".join(answer).startswith(b"PK")
    assert AuditEvent.objects.latest("id").action == "file.taken"


def test_its_filters_are_shown_as_people_read_them(signed_in: SignedIn, manager: User) -> None:
    ask(signed_in, manager, "outcome=done&q=Zo%C3%AB+%26+co")
    page = signed_in(manager).get(PAGE).content.decode()
    assert "outcome: done, q: Zoë &amp; co" in page
    assert 'href="/audit/verification/#hand-over"' in page


def test_a_place_in_the_list_is_no_filter_and_is_not_said_to_be_one(
    signed_in: SignedIn, manager: User
) -> None:
    client = signed_in(manager)
    client.post("/audit/views/", {"name": "Done", "query": "outcome=done"})
    query = "before=%5B0%5D&rows=25&outcome=done&as_words=1"
    offered = client.get(f"/audit/?{query}").content.decode()
    assert 'name="query" value="outcome=done"' in offered
    assert "/audit/export/?outcome=done&amp;format=zip" in offered
    assert ask(signed_in, manager, query).asked == "outcome=done"
    *_, proof = b"".join(client.get(f"/audit/export/?{query}&format=jsonl")).splitlines()
    assert b'"filters": "outcome=done"' in proof
    told = AuditEvent.objects.get(action="trail.exported")
    assert told.after["filters"] == "outcome=done"


def test_one_that_could_not_be_prepared_is_not_announced_as_prepared(
    signed_in: SignedIn, manager: User, settings: Settings
) -> None:
    settings.EXPORT_MEGABYTES = 0
    ask(signed_in, manager)  # an event that the next file would hold
    PreparedFile.objects.all().delete()
    preparing.prepare(ask(signed_in, manager).pk)
    part = signed_in(manager).get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert f"The file could not be prepared. {preparing.FULL}" in part


def test_another_person_does_not_know_of_it(signed_in: SignedIn, manager: User, administrator: User) -> None:
    file = ask(signed_in, manager, form="jsonl")
    preparing.prepare(file.pk)
    client = signed_in(administrator)
    assert client.get(f"{PAGE}{file.pk}/").status_code == 404
    assert "No file" in client.get(PAGE).content.decode()
    assert client.post(f"{PAGE}{file.pk}/remove/").status_code == 302
    assert PreparedFile.objects.filter(pk=file.pk).exists()


def test_who_lost_the_role_gets_nothing(signed_in: SignedIn, manager: User) -> None:
    file = ask(signed_in, manager)
    preparing.prepare(file.pk)
    manager.role_grants.all().delete()
    assert signed_in(manager).get(f"{PAGE}{file.pk}/").status_code == 403


def test_who_may_read_another_part_of_the_trail_is_told_why(signed_in: SignedIn, manager: User) -> None:
    file = ask(signed_in, manager)
    preparing.prepare(file.pk)
    PreparedFile.objects.update(scope=[0])
    answer = signed_in(manager).get(f"{PAGE}{file.pk}/")
    assert (answer.status_code, preparing.CHANGED in answer.content.decode()) == (403, True)
    newest = AuditEvent.objects.latest("id")
    assert (newest.actor_email, newest.outcome, newest.object_id) == (manager.email, "refused", str(file.pk))
    assert newest.after == {"action": "take a prepared file", "reason": preparing.CHANGED}


def test_one_whose_day_is_over_is_gone_before_the_sweep_comes(signed_in: SignedIn, manager: User) -> None:
    file = ask(signed_in, manager)
    preparing.prepare(file.pk)
    PreparedFile.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    client = signed_in(manager)
    answer = client.get(f"{PAGE}{file.pk}/")
    assert (answer.status_code, "its day is over" in answer.content.decode()) == (404, True)
    page = client.get(PAGE).content.decode()
    assert "Its day is over" in page
    assert f'href="{PAGE}{file.pk}/"' not in page


def test_a_link_to_what_is_gone_says_so_and_tells_nothing_of_another_s(
    signed_in: SignedIn, manager: User, administrator: User
) -> None:
    file = ask(signed_in, manager)
    preparing.prepare(file.pk)
    client = signed_in(administrator)
    pages = [client.get(f"{PAGE}{pk}/").content.decode() for pk in (file.pk, file.pk + 1)]
    for page in pages:
        assert "kept for 24 hours" in page
        assert "no role for" not in page


def test_it_is_given_up_and_a_second_click_finds_it_gone(signed_in: SignedIn, manager: User) -> None:
    file = ask(signed_in, manager)
    client = signed_in(manager)
    assert client.post(f"{PAGE}{file.pk}/remove/").status_code == 302
    assert client.post(f"{PAGE}{file.pk}/remove/").status_code == 302
    assert [event.action for event in audit.history(file)] == ["file.asked", "file.removed"]


def test_another_wish_waits_for_the_first(signed_in: SignedIn, manager: User) -> None:
    file = ask(signed_in, manager)
    page = signed_in(manager).post(f"{PAGE}ask/", {"format": "jsonl"}, follow=True)
    assert "Another file of yours is being prepared" in page.content.decode()
    assert PreparedFile.objects.get() == file


@pytest.mark.parametrize(
    ("data", "status"),
    [({"format": "xml"}, 404), ({}, 404), ({"format": "csv", "query": "since=yesterday"}, 422)],
)
def test_what_is_not_understood_prepares_nothing(
    data: dict[str, str], status: int, signed_in: SignedIn, manager: User
) -> None:
    assert signed_in(manager).post(f"{PAGE}ask/", data).status_code == status
    assert not PreparedFile.objects.exists()


def test_the_trail_offers_it_and_the_number_of_queries_stays(
    signed_in: SignedIn, manager: User, django_assert_max_num_queries: object
) -> None:
    client = signed_in(manager)
    ask(signed_in, manager).delete()  # an empty trail offers nothing
    assert "/audit/files/ask/" in client.get("/audit/").content.decode()
    for _ in range(preparing.EACH):
        preparing.prepare(ask(signed_in, manager).pk)
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        client.get(PAGE)
    assert audit_export.PIECE > 100
