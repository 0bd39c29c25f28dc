"""What a list tells of lines: one that may be older than a removal tells nothing, for as long as it may be."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from trunks.models import Kind, Line, Phase, TrunkRequest, clock
from trunks.workflow.comparing import Likeness
from trunks.workflow.reading import echoed, look_up
from trunks.zoom.types import Trunk

pytestmark = pytest.mark.sqlite
OLD, NEW = "+14155550100", "+14155550199"


@pytest.mark.parametrize(
    ("seconds", "likeness", "echo"), [(2.0, Likeness.UNMET, True), (4.0, Likeness.DIFFERENT, False)]
)
def test_what_a_change_has_removed_is_an_echo_within_the_quiet_period_only(
    seconds: float, likeness: Likeness, echo: bool, trunk_request: TrunkRequest, settings: Settings
) -> None:
    settings.QUIET_SECONDS = 3
    sent_at = clock.read() - timedelta(seconds=seconds)
    TrunkRequest.objects.update(kind=Kind.CHANGE, sent_at=sent_at)
    trunk_request.lines.update(
        phase=Phase.ASSIGN, current_dnis="18888123", current_caller_id=OLD, outbound_caller_id=NEW
    )
    line = Line.objects.select_related("trunk").get()
    found = look_up([line], [Trunk(line.trunk.zoom_id, "HQ", "192.0.2.1", line.dnis, "0", OLD)])
    assert (found[line].likeness, echoed(found)) == (likeness, echo)
