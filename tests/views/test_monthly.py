"""The pages of the monthly review."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests import cast, trail
from tests.conftest import SignedIn
from trunks import sampling
from trunks.models import Mark, MonthReview, Role, SampledItem, TrunkRequest, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import filing, monthly, review

URL = "/audit/review/"
MONTH = "2026-10"


@pytest.fixture
def client(manager: User, signed_in: SignedIn) -> Client:
    return signed_in(manager)


@pytest.fixture
def october(trunk_request: TrunkRequest, supervisor: User) -> None:
    review.deny(trunk_request, actor=supervisor, version=1, comment="No.")
    backdate()


def backdate() -> None:
    with trail.unguarded():
        AuditEvent.objects.update(at=datetime(2026, 10, 5, 9, tzinfo=UTC))


@pytest.fixture
def item(october: None, manager: User) -> SampledItem:
    return monthly.draw(MONTH, actor=manager).items.get()


def fields(item: SampledItem, mark: str, comment: str = "") -> dict[str, str]:
    return {f"item-{item.pk}-mark": mark, f"item-{item.pk}-comment": comment}


def test_a_month_is_drawn_marked_and_signed_off(client: Client, october: None, manager: User) -> None:
    assert "Draw the sample" in client.get(URL).content.decode()
    answer = client.post(f"{URL}draw/", {"month": MONTH})
    assert answer["Location"] == f"{URL}{MONTH}/"
    page = client.get(f"{URL}{MONTH}/")
    assert "1 of 1 are not marked yet." in page.content.decode()
    item = SampledItem.objects.get()
    answer = client.post(f"{URL}items/{item.pk}/mark/", fields(item, "in_order"))
    assert answer["Location"] == f"{URL}{MONTH}/#item-{item.pk}"
    assert client.post(f"{URL}{MONTH}/sign-off/").status_code == 302
    assert MonthReview.objects.get().signed_by == manager
    page = client.get(f"{URL}{MONTH}/")
    assert "nothing of it changes any more" in page.content.decode()
    assert "<textarea" not in page.content.decode()
    assert "Signed off by Mia Manager" in client.get(URL).content.decode()


def test_an_item_says_what_it_is_and_proposes_no_mark(client: Client, item: SampledItem) -> None:
    page = client.get(f"{URL}{MONTH}/").content.decode()
    assert re.search(r"Sam Supervisor(</\w+>)+ denied the request", page)
    assert '<option value="" selected>Choose</option>' in page
    answer = client.post(f"{URL}items/{item.pk}/mark/", fields(item, ""))
    assert (answer.status_code, "Choose in order or question." in answer.content.decode()) == (422, True)
    with trail.unguarded():
        AuditEvent.objects.filter(id=item.event).delete()
    page = client.get(f"{URL}{MONTH}/").content.decode()
    assert f"Event {item.event} has left the portal, in a signed archive." in page


def test_who_draws_second_comes_to_what_was_drawn(client: Client, item: SampledItem) -> None:
    assert client.post(f"{URL}draw/", {"month": MONTH})["Location"] == f"{URL}{MONTH}/"


def test_a_month_that_is_none_is_told(client: Client, item: SampledItem) -> None:
    answer = client.post(f"{URL}draw/", {"month": "2999-01"})
    assert answer.status_code == 422
    assert "The month is not over yet." in answer.content.decode()


def test_a_question_without_words_keeps_the_choice_and_says_what_is_missing(
    client: Client, item: SampledItem
) -> None:
    for values in (fields(item, "question"), fields(item, "invented")):
        answer = client.post(f"{URL}items/{item.pk}/mark/", values)
        assert answer.status_code == 422
    answer = client.post(f"{URL}items/{item.pk}/mark/", fields(item, "question"))
    assert "Say what the question is." in answer.content.decode()
    assert '<option value="question" selected>' in answer.content.decode()


def test_what_is_not_marked_is_not_signed_off_and_what_is_signed_off_is_not_marked(
    client: Client, item: SampledItem, manager: User
) -> None:
    assert client.post(f"{URL}{MONTH}/sign-off/").status_code == 422
    monthly.mark(item, actor=manager, as_=Mark.IN_ORDER)
    monthly.sign_off(item.review, actor=manager)
    assert client.post(f"{URL}items/{item.pk}/mark/", fields(item, "in_order")).status_code == 409
    assert client.post(f"{URL}{MONTH}/sign-off/").status_code == 409


def test_a_mark_that_another_manager_has_set_meanwhile_is_not_written_over_unseen(
    client: Client, item: SampledItem, signed_in: SignedIn
) -> None:
    other = signed_in(cast.person("Otto Other", Role.MANAGER))
    address = f"{URL}items/{item.pk}/mark/"
    assert other.post(address, fields(item, "question", "Why?")).status_code == 302
    answer = client.post(address, fields(item, "in_order", "All <fine>."))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert f"Otto Other marked {item.key} as Question meanwhile." in page
    assert "All &lt;fine&gt;.</textarea>" in page
    assert '<option value="in_order" selected>' in page
    item.refresh_from_db()
    assert (item.mark, item.comment) == (Mark.QUESTION, "Why?")
    [seen] = re.findall(rf'name="item-{item.pk}-seen" value="([^"]+)"', page)
    again = fields(item, "in_order", "All <fine>.") | {f"item-{item.pk}-seen": seen}
    events = AuditEvent.objects.count()
    for _ in range(2):  # the second is a second click
        assert client.post(address, again).status_code == 302
    item.refresh_from_db()
    assert (item.mark, item.comment) == (Mark.IN_ORDER, "All <fine>.")
    assert AuditEvent.objects.count() == events + 1


def test_the_request_and_its_people_are_shown_the_question(
    client: Client,
    item: SampledItem,
    trunk_request: TrunkRequest,
    staff: User,
    supervisor: User,
    signed_in: SignedIn,
) -> None:
    client.post(f"{URL}items/{item.pk}/mark/", fields(item, "question", "Why <b>so</b> quick?"))
    words = "Why &lt;b&gt;so&lt;/b&gt; quick?"
    for person in (staff, supervisor):
        theirs = signed_in(person)
        assert words in theirs.get(f"/requests/{trunk_request.reference}/").content.decode()
        assert "A manager has a question for you" in theirs.get("/").content.decode()
    uninvolved = signed_in(cast.person("Stan Second", Role.STAFF))
    assert "A manager has a question" not in uninvolved.get("/").content.decode()


def test_an_auditor_gets_what_is_needed_to_draw_it_anew(client: Client, item: SampledItem) -> None:
    answer = client.get(f"{URL}{MONTH}/population/")
    given = answer.json()
    assert "attachment" in answer["Content-Disposition"]
    weights = {row["key"]: row["weight"] for row in given["population"]}
    assert sampling.seed_of(given["month"], given["head"]) == given["seed"]
    assert sampling.draw(given["seed"], weights, given["size"]) == [item.key]


@pytest.mark.parametrize("path", ["", f"{MONTH}/", f"{MONTH}/population/"])
@pytest.mark.parametrize("role", [Role.STAFF, Role.SUPERVISOR, Role.ADMINISTRATOR])
def test_others_do_not_see_it(item: SampledItem, signed_in: SignedIn, role: Role, path: str) -> None:
    assert signed_in(cast.person("Olga Other", role)).get(URL + path).status_code == 403


def test_a_manager_of_one_master_account_is_refused_and_that_is_on_record(
    estate: cast.Estate, item: SampledItem, signed_in: SignedIn
) -> None:
    some = cast.person("Fred Foreign", Role.MANAGER, master=estate.foreign_master)
    client = signed_in(some)
    for path, data in {
        f"{URL}draw/": {"month": MONTH},
        f"{URL}items/{item.pk}/mark/": fields(item, "in_order"),
        f"{URL}{MONTH}/sign-off/": {},
    }.items():
        answer = client.post(path, data)
        assert answer.status_code == 403
        assert "Who could: another manager." in answer.content.decode()
        assert AuditEvent.objects.order_by("-id")[0].actor == some
    assert client.post(f"{URL}items/{item.pk}/mark/", {}).status_code == 403


@pytest.mark.parametrize("path", ["2026-09/", "2026-09/population/", "nothing/", "%00/", "%00/population/"])
def test_what_was_not_drawn_is_not_there(client: Client, path: str) -> None:
    assert client.get(URL + path).status_code == 404


def test_the_number_of_queries_is_the_same_for_one_and_many(
    client: Client,
    estate: cast.Estate,
    staff: User,
    supervisor: User,
    manager: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(10):
        row = filing.file(cast.draft(estate.sub, estate.trunk, f"188882{number:02}"), actor=staff)
        review.deny(row, actor=supervisor, version=1, comment="No.")
    backdate()
    monthly.draw(MONTH, actor=manager)
    for path in (URL, f"{URL}{MONTH}/"):
        with django_assert_max_num_queries(10):
            assert client.get(path).status_code == 200
