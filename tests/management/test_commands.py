"""The commands of whoever runs the portal: what they print, what they refuse, what they never show."""

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from tests import cast
from trunks import audit
from trunks.management.commands import connect_master
from trunks.models import Decision, MasterAccount, MasterTrunk, SubAccount, TrunkRequest, User, Webhook
from trunks.sandbox.estate import CONTOSO, NO_TRUNKS, DemoCredential
from trunks.sandbox.server import Sandbox
from trunks.workflow import policy, posting, quorum, rules
from trunks.workflow.drafts import draft_of

pytestmark = [pytest.mark.sqlite, pytest.mark.django_db]


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[Sandbox]:
    with Sandbox(rate_limits=False) as server:
        settings.ZOOM_API_URL, settings.ZOOM_OAUTH_URL = server.api_url, server.oauth_url
        yield server


def connect(
    tmp_path: Path,
    credential: DemoCredential = CONTOSO,
    secret: str | bytes | None = None,
    out: io.StringIO | None = None,
) -> str:
    """Run connect_master with the secret in a file and return what it prints."""
    file = tmp_path / "secret"
    text = credential.client_secret if secret is None else secret
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    out = out or io.StringIO()
    call_command(
        "connect_master",
        f"--name={credential.name}",
        f"--account-id={credential.account_id}",
        f"--client-id={credential.client_id}",
        f"--client-secret-file={file}",
        "--rate-plan=business",
        stdout=out,
    )
    return out.getvalue()


def test_connecting_reads_the_estate_and_says_how_far_it_is(sandbox: Sandbox, tmp_path: Path) -> None:
    said = connect(tmp_path, secret=f"{CONTOSO.client_secret}\n")
    assert "Connected Contoso Carrier Services." in said
    assert "Trunks of 12 of 12 sub accounts read." in said
    assert "Contoso Carrier Services is ready." in said
    assert CONTOSO.client_secret not in said
    assert (MasterTrunk.objects.count(), SubAccount.objects.count()) == (2, 12)
    event = audit.history(MasterAccount.objects.get()).first()
    assert event is not None
    assert event.actor_name.startswith("System (command line, ")


@pytest.mark.parametrize(
    ("credential", "secret", "words"),
    [
        (CONTOSO, "wrong-secret-1", "refuses the portal's credentials"),
        (NO_TRUNKS, None, "has no SIP trunks"),
        (CONTOSO, " \n", "is empty"),
        (CONTOSO, b"\xff\xfe", "cannot be read"),
    ],
)
def test_what_is_missing_is_said_and_nothing_stored(
    credential: DemoCredential, secret: str | bytes | None, words: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match=words) as caught:
        connect(tmp_path, credential, secret)
    assert credential.client_secret not in str(caught.value)
    assert "wrong-secret-1" not in str(caught.value)
    assert not MasterAccount.objects.exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nowhere"):
        call_command(
            "connect_master",
            *("--name=N", "--account-id=A", "--client-id=C", f"--client-secret-file={tmp_path}/nowhere"),
        )


def test_the_secret_can_come_from_standard_input(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(CONTOSO.client_secret))
    out = io.StringIO()
    call_command(
        "connect_master",
        *(f"--name={CONTOSO.name}", f"--account-id={CONTOSO.account_id}"),
        *(f"--client-id={CONTOSO.client_id}", "--client-secret-file=-", "--rate-plan=business"),
        stdout=out,
    )
    assert "is ready" in out.getvalue()


def test_an_account_whose_estate_cannot_be_read_stays_connected(sandbox: Sandbox, tmp_path: Path) -> None:
    class Screen(io.StringIO):
        """Breaks Zoom at the moment at which the account is connected.

        Counting calls would not do: trying the credentials out is patient, and on a busy machine takes more calls.
        """

        def write(self, text: str) -> int:
            if text.startswith("Connected"):
                sandbox.fault("500", path=r"/v2/accounts$", times=0)
            return super().write(text)

    with pytest.raises(CommandError, match="is connected, but its estate could not be read"):
        connect(tmp_path, out=Screen())
    assert "internal problem" in MasterAccount.objects.get().sync_problem


@pytest.mark.parametrize("problem", ["", "Zoom does not answer."])
def test_a_worker_that_was_quicker_to_read_is_waited_for(
    problem: str, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Screen(io.StringIO):
        """Has a worker begin to read at the moment at which the account is connected."""

        def write(self, text: str) -> int:
            if text.startswith("Connected"):
                MasterAccount.objects.update(sync_until=MasterAccount.lease())
            return super().write(text)

    def sleep(_: float) -> None:
        read = None if problem else timezone.now()
        MasterAccount.objects.update(sync_until=None, synced_at=read, sync_problem=problem)

    monkeypatch.setattr(connect_master, "time", SimpleNamespace(sleep=sleep))
    screen = Screen()
    if problem:
        with pytest.raises(CommandError, match="is connected, but its estate could not be read"):
            connect(tmp_path, out=screen)
    else:
        assert "is ready" in connect(tmp_path, out=screen)
    assert "0 sub accounts are known." in screen.getvalue()


@pytest.mark.parametrize("chosen", [(), (f"--master={CONTOSO.name}",), (f"--master={CONTOSO.account_id}",)])
def test_the_estate_is_read_again_for_one_or_all(
    chosen: tuple[str, ...], sandbox: Sandbox, tmp_path: Path
) -> None:
    connect(tmp_path)
    SubAccount.objects.update(name="old")
    out = io.StringIO()
    call_command("sync_estate", *chosen, stdout=out)
    assert "The estate is as Zoom lists it." in out.getvalue()
    assert not SubAccount.objects.filter(name="old").exists()


def test_reading_nothing_or_something_unknown_is_refused() -> None:
    with pytest.raises(CommandError, match="No master account is connected"):
        call_command("sync_estate")
    with pytest.raises(CommandError, match="connected are: none"):
        call_command("sync_estate", "--master=Nobody")
    cast.make_estate()
    with pytest.raises(CommandError, match="called Nobody; connected are: Contoso, Northwind"):
        call_command("sync_estate", "--master=Nobody")


def test_what_could_not_be_read_is_named_and_the_others_are_read(sandbox: Sandbox, tmp_path: Path) -> None:
    connect(tmp_path)
    cast.master_account("Broken", "broken-account-id")
    SubAccount.objects.update(name="old")
    with pytest.raises(CommandError, match=r"^Not read: Broken\.$"):
        call_command("sync_estate", stdout=io.StringIO())
    assert not SubAccount.objects.filter(name="old").exists()


def test_keys_are_rotated_and_the_old_one_can_go(settings: Settings) -> None:
    cast.make_estate()
    new = Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [new, *settings.FIELD_ENCRYPTION_KEYS]
    out = io.StringIO()
    call_command("rotate_encryption_keys", stdout=out)
    assert out.getvalue() == "2 secrets are encrypted with the newest key.\n"
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert [master.client_secret for master in MasterAccount.objects.all()] == ["secret", "secret"]
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="nothing was changed"):
        call_command("rotate_encryption_keys")


def test_the_people_of_the_demo_need_no_zoom_and_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_PASSWORD", "another-pass-1357")
    out = io.StringIO()
    call_command("seed_demo", "--people", stdout=out)
    call_command("seed_demo", "--people", stdout=out)
    assert out.getvalue().splitlines() == [
        "6 people made, 0 were there already.",
        "0 people made, 6 were there already.",
    ]
    assert "another-pass" not in out.getvalue()
    roles = {user.email.removesuffix("@example.com"): user.roles for user in User.objects.all()}
    assert roles == {
        "staff": {"staff"},
        "second-staff": {"staff"},
        "manager": {"manager"},
        "supervisor": {"supervisor"},
        "second-supervisor": {"supervisor"},
        "admin": {"administrator"},
    }
    assert User.objects.get(email="staff@example.com").check_password("another-pass-1357")
    assert User.objects.values("password").distinct().count() == 1, (
        "nobody waits for six hashes of one password"
    )
    assert audit.history(User.objects.get(email="admin@example.com")).get().action == "role.granted"


def test_the_demo_has_requests_in_every_state_and_seeding_twice_changes_nothing(
    sandbox: Sandbox, settings: Settings
) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = True
    call_command("seed_demo", stdout=io.StringIO())
    assert set(TrunkRequest.objects.values_list("state", flat=True)) == {
        *("pending", "sent_back", "denied", "withdrawn", "expired", "approved"),
        *("done", "partial", "failed", "unconfirmed"),
    }
    assert list(MasterAccount.objects.values_list("name", flat=True)) == [
        "Contoso Carrier Services",
        "Northwind Telecom",
    ]
    _shows_each_way_of_deciding()
    before = TrunkRequest.objects.count(), len(sandbox.calls)
    call_command("seed_demo", stdout=io.StringIO())
    assert (TrunkRequest.objects.count(), len(sandbox.calls)) == before


def _shows_each_way_of_deciding() -> None:
    """Assert that each rule of deciding has something in the demo to be looked at."""
    supervisor = User.objects.get(email="second-supervisor@example.com")
    answers = {
        row: policy.may(supervisor, "approve", row) for row in TrunkRequest.objects.filter(state="pending")
    }
    assert sum(answer.by_zoom for answer in answers.values()) == 1
    fits = [rules.problems(draft_of(row), amending=row) == {} for row, answer in answers.items() if answer]
    assert fits.count(False) == 1
    opens = TrunkRequest.objects.get(state="approved").not_before
    assert opens is not None
    assert opens > timezone.now()
    assert Decision.objects.exclude(same_browser_as=None).count() == 1
    assert Decision.objects.get(on_behalf_of=supervisor).decided_by.email == "second-staff@example.com"
    assert [quorum.of(row).words for row in answers if quorum.of(row).needed > 1] == ["1 of 2 approvals"]
    hook = Webhook.objects.get()
    assert posting.post(hook.url, b'{"type": "request.asked"}', {"Content-Type": "application/json"}).good


def test_the_demo_is_never_seeded_into_the_real_zoom(settings: Settings) -> None:
    settings.ZOOM_API_URL = "https://api.zoom.us/v2"
    with pytest.raises(CommandError, match="not a sandbox on this machine"):
        call_command("seed_demo", stdout=io.StringIO())
    assert not MasterAccount.objects.exists()


def test_a_sandbox_that_does_not_let_the_demo_in_is_told(sandbox: Sandbox) -> None:
    sandbox.fault("500", path="/oauth/token", times=0)
    with pytest.raises(CommandError, match="does not let the demo in"):
        call_command("seed_demo", stdout=io.StringIO())


def test_a_sandbox_that_cannot_be_read_is_told(sandbox: Sandbox) -> None:
    sandbox.fault("500", path=r"/v2/accounts$", skip=1, times=0)
    with pytest.raises(CommandError, match="could not be read from the sandbox"):
        call_command("seed_demo", stdout=io.StringIO())


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (["changepassword", "stella-staff@example.com"], "/accounts/password/reset/"),
        (["createsuperuser", "--email", "eve@example.com", "--noinput"], "create_administrator"),
    ],
)
def test_what_django_would_do_without_an_event_is_not_done(
    words: list[str], instead: str, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: "quite a long pass phrase")
    assert staff.email == "stella-staff@example.com"
    with pytest.raises(CommandError, match=instead):
        call_command(*words)
    assert list(User.objects.values_list("password", flat=True)) == [staff.password]
