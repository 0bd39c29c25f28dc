"""The audit trail's vocabulary: nothing in it that nobody says, and no verb that says nothing."""

import ast
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from tests.processes import ROOT
from trunks import audit
from trunks.actions import Action
from trunks.models import LineState, State, TrunkRequest, User
from trunks.sandbox.estate import CONTOSO
from trunks.sandbox.server import Sandbox
from trunks.workflow import connecting, estate, filing, provisioning, reconcile, review


def said() -> set[str]:
    """Return the members of Action that the code names, besides where they are declared."""
    files = [path for path in (ROOT / "trunks").rglob("*.py") if path.name != "actions.py"]
    trees = [ast.walk(ast.parse(path.read_text(encoding="utf-8"))) for path in files]
    return {
        node.attr
        for tree in trees
        for node in tree
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Action"
    }


def test_every_action_is_said_somewhere() -> None:
    assert set(Action.__members__) - said() == set()


def test_every_action_has_a_sentence_and_a_value_of_its_kind() -> None:
    for action in Action:
        assert action.value.count(".") == 1
        assert action.sentence == action.sentence.strip()
    assert len({action.sentence for action in Action}) == len(Action)


def place(trunk_request: TrunkRequest, state: State, line: LineState) -> TrunkRequest:
    TrunkRequest.objects.filter(pk=trunk_request.pk).update(state=state)
    trunk_request.lines.update(state=line)
    return TrunkRequest.objects.get(pk=trunk_request.pk)


def amend(trunk_request: TrunkRequest, staff: User, _: User) -> object:
    draft = filing.draft_of(trunk_request)
    return filing.amend(trunk_request, draft, actor=staff, version=1)


def retry(trunk_request: TrunkRequest, staff: User, _: User) -> object:
    failed = place(trunk_request, State.FAILED, LineState.REFUSED)
    return provisioning.retry(failed, actor=staff, version=1)


def check(trunk_request: TrunkRequest, staff: User, _: User) -> None:
    reconcile.check_now(place(trunk_request, State.UNCONFIRMED, LineState.UNKNOWN), actor=staff)


VERBS: dict[str, Callable[[TrunkRequest, User, User], Any]] = {
    "request.amended": amend,
    "request.withdrawn": lambda row, staff, _: filing.withdraw(row, actor=staff, version=1),
    "request.approved": lambda row, _, sup: review.approve(row, actor=sup, version=1),
    "request.denied": lambda row, _, sup: review.deny(row, actor=sup, version=1, comment="No."),
    "request.sent_back": lambda row, _, sup: review.send_back(row, actor=sup, version=1, comment="?"),
    "request.retried": retry,
    "request.checked": check,
}


@pytest.mark.parametrize(("action", "verb"), VERBS.items(), ids=VERBS)
def test_every_verb_on_a_request_leaves_one_event_with_its_actor(
    action: str,
    verb: Callable[[TrunkRequest, User, User], Any],
    trunk_request: TrunkRequest,
    staff: User,
    supervisor: User,
) -> None:
    assert audit.history(trunk_request).get().action == "request.filed"
    verb(trunk_request, staff, supervisor)
    [_, event] = audit.history(trunk_request)
    assert event.action == action
    assert event.actor == (
        supervisor if action.split(".")[1] in ("approved", "denied", "sent_back") else staff
    )


def test_every_verb_on_a_master_account_leaves_an_event(administrator: User, settings: Settings) -> None:
    with Sandbox(rate_limits=False) as sandbox:
        settings.ZOOM_API_URL, settings.ZOOM_OAUTH_URL = sandbox.api_url, sandbox.oauth_url
        master = connecting.connect(
            name=CONTOSO.name,
            account_id=CONTOSO.account_id,
            client_id=CONTOSO.client_id,
            client_secret=CONTOSO.client_secret,
            actor=administrator,
        )
    estate.request_sync(master, actor=administrator)
    found = [(event.action, event.actor) for event in audit.history(master)]
    assert found == [("master.connected", administrator), ("sync.requested", administrator)]
