"""The page of the audit trail's proof: checks, digests, and verifying now."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from tests.conftest import SignedIn
from tests.processes import ROOT
from tests.sealed import Sealed, noon, unguarded
from trunks import dispatch, seals
from trunks.models import AuditCheck, AuditDigest, User
from trunks.models.audit_event import AuditEvent
from trunks.workflow import checks

ADDRESS = "/audit/verification/"


@pytest.fixture
def sealed(settings: Settings, tmp_path: Path, staff: User) -> Sealed:
    portal = Sealed(settings, tmp_path, staff)
    portal.act(3)
    portal.pass_days()
    return portal


def shown(client: Client, **headers: str) -> str:
    response = client.get(ADDRESS, headers=headers)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("who", ["staff", "supervisor", "superuser", "stranger"])
def test_others_neither_see_nor_ask(
    who: str, sealed: Sealed, signed_in: SignedIn, request: pytest.FixtureRequest
) -> None:
    client = signed_in(request.getfixturevalue(who))
    assert client.get(ADDRESS).status_code == 403
    refused = client.post(f"{ADDRESS}now/")
    assert refused.status_code == 403
    assert "a manager or an administrator" in refused.content.decode()
    assert not AuditCheck.objects.exists()


def test_nothing_is_verified_by_looking(sealed: Sealed, signed_in: SignedIn, manager: User) -> None:
    client = signed_in(manager)
    assert client.get(f"{ADDRESS}now/").status_code == 405
    assert client.post(ADDRESS).status_code == 405


def test_before_the_first_digest_and_check_the_page_says_so(signed_in: SignedIn, manager: User) -> None:
    content = shown(signed_in(manager))
    assert "No digest yet" in content
    assert "Nothing was verified so far." in content
    assert "No key is known here" in content


@pytest.mark.django_db(transaction=True)
def test_verifying_now_is_rung_for_followed_and_kept(
    sealed: Sealed, signed_in: SignedIn, manager: User, rung: list[tuple[str, int]]
) -> None:
    client = signed_in(manager)
    response = client.post(f"{ADDRESS}now/", {"kind": "full"}, follow=True)
    check = AuditCheck.objects.get()
    assert (check.full, rung[-1]) == (True, (dispatch.VERIFY, check.pk))
    assert "A worker begins in a moment. This page shows how far it is." in response.content.decode()
    content = shown(client, hx_request="true")
    assert 'data-check="asked"' in content
    assert 'hx-trigger="every 2s"' in content
    AuditCheck.objects.update(started_at=timezone.now(), total=4000, position=1500)
    assert "1,500 of 4,000 events verified" in shown(client)
    AuditCheck.objects.update(position=0)
    checks.run(check.pk)
    content = shown(client, hx_request="true")
    assert 'data-result="passed"' in content
    assert "every 2s" not in content
    assert "The verification has ended: Nothing was altered." in content


def test_asking_twice_gives_the_one_that_is_under_way(
    sealed: Sealed, signed_in: SignedIn, manager: User, administrator: User
) -> None:
    signed_in(manager).post(f"{ADDRESS}now/", {"kind": "incremental"})
    response = signed_in(administrator).post(f"{ADDRESS}now/", follow=True)
    assert "A verification is under way already." in response.content.decode()
    assert not AuditCheck.objects.get().full
    again = signed_in(manager).post(f"{ADDRESS}now/", headers={"hx-request": "true"})
    assert 'data-check="asked"' in again.content.decode()


def test_what_does_not_fit_is_red_here_and_on_the_home_page(
    sealed: Sealed, signed_in: SignedIn, manager: User, staff: User
) -> None:
    with unguarded():
        AuditEvent.objects.filter(id=2).update(comment="x")
    checks.run(checks.ask(actor=manager, full=True).pk)
    client = signed_in(manager)
    for content in (shown(client), client.get("/").content.decode()):
        assert 'id="audit-alarm"' in content
        assert "Event 2: a field or the hash was altered" in content
    assert 'id="audit-alarm"' not in signed_in(staff).get("/").content.decode()


def test_each_digest_shows_what_its_signature_proves(
    sealed: Sealed, signed_in: SignedIn, manager: User
) -> None:
    client = signed_in(manager)
    assert 'data-seal="signed"' in shown(client)
    with unguarded():
        AuditDigest.objects.update(signature="AAAA")
    content = shown(client)
    assert 'data-seal="forged"' in content
    assert "It bears a signature that does not fit." in content
    sealed.settings.AUDIT_PUBLIC_KEYS = []
    assert 'data-seal="unjudged"' in shown(client)
    sealed.settings.AUDIT_SIGNING_KEY = None
    sealed.pass_days()
    assert 'data-seal="unsigned"' in shown(client)


def test_the_page_costs_the_same_however_many_days_there_are(
    sealed: Sealed, signed_in: SignedIn, manager: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = signed_in(manager)
    shown(client)
    with django_assert_num_queries(12):
        shown(client)
    sealed.pass_days(40)
    for number in range(15):
        moment = timezone.now() - timedelta(days=number)
        AuditCheck(full=True, under_way=False, asked_at=moment, finished_at=moment, asked_by=manager).save()
    with django_assert_num_queries(12):
        content = shown(client)
    assert content.count("data-seal=") == 31
    assert content.count("data-result=") == 10
    assert "after=" in content


def test_machines_are_told(sealed: Sealed, client: Client, manager: User) -> None:
    def lines() -> dict[str, str]:
        text = client.get("/metrics").content.decode()
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if "audit" in line)

    assert lines()["portal_audit_alarm"] == "0.0"
    ahead = float(lines()['portal_audit_age_seconds{what="digest"}'])
    assert ahead == pytest.approx((noon(sealed.days) - timezone.now()).total_seconds(), abs=60)
    assert 'portal_audit_age_seconds{what="full"}' not in lines()
    sealed.settings.AUDIT_DIGEST_DIR = "/nowhere"
    checks.run(checks.ask(actor=manager, full=True).pk)
    assert 'portal_audit_age_seconds{what="full"}' not in lines()
    sealed.settings.AUDIT_DIGEST_DIR = str(sealed.folder)
    with unguarded():
        AuditEvent.objects.filter(id=2).update(comment="x")
    checks.run(checks.ask(actor=manager, full=True).pk)
    assert lines()["portal_audit_alarm"] == "1.0"
    assert float(lines()['portal_audit_age_seconds{what="full"}']) < 60


def test_days_that_a_wrong_clock_has_sealed_ahead_alarm_too(sealed: Sealed, client: Client) -> None:
    sealed.pass_days(40)
    text = client.get("/metrics").content.decode()
    [age] = [line for line in text.splitlines() if line.startswith('portal_audit_age_seconds{what="digest"}')]
    assert float(age.split()[1]) > 30 * 86400


def test_a_key_of_the_settings_is_named_by_its_id(sealed: Sealed, signed_in: SignedIn, manager: User) -> None:
    assert seals.key_id(seals.public_bytes(sealed.key)) in shown(signed_in(manager))


def test_it_says_how_to_hand_the_trail_over_and_gives_the_verifier(
    sealed: Sealed, signed_in: SignedIn, manager: User
) -> None:
    client = signed_in(manager)
    content = shown(client)
    assert sealed.settings.AUDIT_PUBLIC_KEYS[0].text in content
    assert "verify_export.py events.csv --proof proof.jsonl --key" in content
    assert "verify_export.py FILE.jsonl --key" in content, "the name of the day and time is not known here"
    assert "Python needs the package" in content
    assert 'href="/audit/verification/verify_export.py"' in content
    answer = client.get("/audit/verification/verify_export.py")
    assert answer["Content-Disposition"] == 'attachment; filename="verify_export.py"'
    assert answer.content == (ROOT / "docs" / "verify_export.py").read_bytes()
    sealed.settings.AUDIT_PUBLIC_KEYS = []
    assert "an export can only be compared with itself" in shown(client)
