"""The evidence pack: whole, verifiable without the portal, for those who read the trail, and itself an event."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from tests import cast
from tests.conftest import SignedIn
from tests.processes import PYTHON
from tests.sealed import Sealed
from tests.views.test_audit import happened
from trunks import audit
from trunks.actions import Action
from trunks.models import Attempt, Delegation, Role, TrunkRequest, User, ZoomCall
from trunks.views import evidence
from trunks.workflow import filing, review

NAMES = {"README.txt", "evidence.html", "request.json", "calls.json", "events.jsonl", "public_keys.txt"}


@pytest.fixture
def sealed(
    settings: Settings, tmp_path: Path, staff: User, trunk_request: TrunkRequest, supervisor: User
) -> Sealed:
    """Return a portal in which a request was filed, approved and spoken about with Zoom, and the day sealed."""
    cast.approved(trunk_request, supervisor)
    now = timezone.now()
    attempt = Attempt.objects.create(
        trunk_request=trunk_request, fence=1, started_at=now, outcome="read back"
    )
    ZoomCall.objects.create(
        attempt=attempt,
        method="POST",
        path="/accounts/x/sip_trunk/trunks",
        started_at=now,
        duration_ms=81,
        status=201,
        tracking_id="WEB_1",
        sent={"dnis": "18888123"},
        answer='{"id": "268"}',
    )
    (tmp_path / "second").mkdir()
    portal = Sealed(settings, tmp_path / "second", staff)
    portal.pass_days()
    return portal


def address(trunk_request: TrunkRequest) -> str:
    return f"/requests/{trunk_request.reference}/evidence/"


def taken(client: Client, trunk_request: TrunkRequest) -> dict[str, str]:
    """Return the files of the pack by name."""
    response = client.get(address(trunk_request))
    assert response.status_code == 200
    assert response["Content-Disposition"] == f'attachment; filename="{trunk_request.reference}-evidence.zip"'
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        names = archive.namelist()
        assert all(name.startswith(f"{trunk_request.reference}/") for name in names)
        return {name.partition("/")[2]: archive.read(name).decode() for name in names}


def test_it_holds_what_was_asked_decided_sent_and_read_back(
    sealed: Sealed, signed_in: SignedIn, manager: User, trunk_request: TrunkRequest
) -> None:
    files = taken(signed_in(manager), trunk_request)
    assert set(files) > NAMES | {"verify_export.py"}
    said = json.loads(files["request.json"])
    assert (said["reference"], said["lines"][0]["dnis"]) == (trunk_request.reference, "18888123")
    assert (len(said["versions"]), said["decisions"][0]["verdict"]) == (1, "approve")
    [attempt] = json.loads(files["calls.json"])
    assert attempt["calls"][0]["answer"] == '{"id": "268"}'
    for words in ("18888123", "Sam Supervisor", "approved the request", "WEB_1", "/sip_trunk/trunks: 201"):
        assert words in files["evidence.html"]
    page = files["evidence.html"]
    assert ": read back</h3>" in page
    assert "<pre>{}</pre>" not in page
    assert page.count('<div class="wide" role="region" tabindex="0"') == page.count("<table>") == 2


def test_the_page_for_people_says_what_a_change_replaces_and_in_whose_right_somebody_decided(
    trunk_request: TrunkRequest,
    supervisor: User,
    second_staff: User,
    signed_in: SignedIn,
    manager: User,
) -> None:
    today = timezone.now().date()
    Delegation.objects.create(
        giver=supervisor,
        receiver=second_staff,
        for_all_masters=True,
        begins_on=today,
        ends_on=today,
        made_at=timezone.now(),
    )
    review.approve(trunk_request, actor=second_staff, version=1)
    TrunkRequest.objects.update(kind="change")
    trunk_request.lines.update(current_dnis="18888555", current_caller_id="+14155550199")
    page = taken(signed_in(manager), trunk_request)["evidence.html"]
    assert "<td>18888555 becomes 18888123</td><td>+14155550199 becomes +14155550100</td>" in page
    assert "<p>Change, filed by Stella Staff on" in page
    assert "on behalf of Sam Supervisor" in page
    TrunkRequest.objects.update(kind="unassign")
    trunk_request.lines.update(current_dnis="18888123", outbound_caller_id="")
    page = taken(signed_in(manager), trunk_request)["evidence.html"]
    assert "<td>18888123</td><td>+14155550199</td>" in page


def test_of_a_request_that_waited_for_weeks_the_page_for_people_leaves_out_the_middle(
    sealed: Sealed,
    signed_in: SignedIn,
    manager: User,
    trunk_request: TrunkRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other files have all of it."""
    monkeypatch.setattr(evidence, "EVENTS", (1, 1))
    monkeypatch.setattr(evidence, "ATTEMPTS", (1, 1))
    for number in range(3):
        happened(trunk_request, None, Action.PROVISIONING_UNCONFIRMED)
        Attempt.objects.create(
            trunk_request=trunk_request, fence=number + 2, started_at=timezone.now(), outcome=f"try {number}"
        )
    files = taken(signed_in(manager), trunk_request)
    events = [json.loads(line) for line in files["events.jsonl"].splitlines()[:-1]]
    before = [event for event in events if event["action"] != "evidence.exported"]
    page, left = files["evidence.html"], len(before) - 2
    assert left > 0
    assert (
        f"{left} event{'s' if left > 1 else ''} between {'are' if left > 1 else 'is'} left out here" in page
    )
    assert "2 conversations between are left out here; calls.json has all of them." in page
    assert ["try 1" in page, "try 2" in page] == [False, True]
    assert [attempt["outcome"] for attempt in json.loads(files["calls.json"])][1:] == [
        "try 0",
        "try 1",
        "try 2",
    ]


def test_who_has_no_portal_verifies_it(
    sealed: Sealed, signed_in: SignedIn, manager: User, trunk_request: TrunkRequest, tmp_path: Path
) -> None:
    folder = tmp_path / "unpacked"
    (folder / "digests").mkdir(parents=True)
    for name, content in taken(signed_in(manager), trunk_request).items():
        (folder / name).write_text(content, encoding="utf-8")
    key = (folder / "public_keys.txt").read_text().splitlines()[0]
    command = [PYTHON, "-I", "verify_export.py", "events.jsonl", f"--key={key}", "--digests=digests"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert (ended.returncode, ended.stdout) == (
        0,
        "In order: 2 events without a gap, 2 of them proven by 1 signed hashes.\n",
    )


def test_a_pack_from_before_the_day_is_sealed_is_not_called_out_of_order(
    sealed: Sealed, signed_in: SignedIn, manager: User, estate: cast.Estate, staff: User, tmp_path: Path
) -> None:
    fresh = filing.file(cast.draft(estate.sub, estate.trunk, "18888124"), actor=staff)
    for name, content in taken(signed_in(manager), fresh).items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    readme = (tmp_path / "README.txt").read_text()
    [command] = [line.strip() for line in readme.splitlines() if line.startswith("    python3 ")]
    key = f"--key={(tmp_path / 'public_keys.txt').read_text()}"
    words = [PYTHON if word == "python3" else word for word in command.partition(" --key")[0].split()]
    assert command.endswith('"$(cat public_keys.txt)"')
    ended = subprocess.run([*words, key], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.stdout.startswith("In order: 1 events without a gap, 0 of them proven")
    assert "A pack that is taken then has it." in readme


def test_taking_it_is_an_event_of_the_request(
    sealed: Sealed, signed_in: SignedIn, manager: User, trunk_request: TrunkRequest
) -> None:
    files = taken(signed_in(manager), trunk_request)
    event = audit.history(trunk_request).last()
    assert event is not None
    assert (event.action, event.actor) == ("evidence.exported", manager)
    assert "evidence.exported" not in files["events.jsonl"]


@pytest.mark.parametrize(
    ("who", "status"), [("staff", 403), ("supervisor", 403), ("superuser", 403), ("stranger", 404)]
)
def test_others_do_not_get_it(
    who: str,
    status: int,
    sealed: Sealed,
    signed_in: SignedIn,
    trunk_request: TrunkRequest,
    request: pytest.FixtureRequest,
) -> None:
    assert signed_in(request.getfixturevalue(who)).get(address(trunk_request)).status_code == status
    assert audit.history(trunk_request).count() == 2


def test_a_manager_of_another_master_account_does_not_know_of_it(
    sealed: Sealed, signed_in: SignedIn, trunk_request: TrunkRequest, estate: cast.Estate
) -> None:
    other = cast.person("Olga Other", Role.MANAGER, master=estate.foreign_master)
    assert signed_in(other).get(address(trunk_request)).status_code == 404


def test_it_is_asked_for_by_get(
    sealed: Sealed, signed_in: SignedIn, manager: User, trunk_request: TrunkRequest
) -> None:
    assert signed_in(manager).post(address(trunk_request)).status_code == 405
