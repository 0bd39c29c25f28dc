"""The tables. Questions about one row are methods, questions about many rows are QuerySet methods."""

from trunks.models.attempt import Attempt, ZoomCall
from trunks.models.estate import (
    Heartbeat,
    ListedTrunk,
    MasterAccount,
    MasterTrunk,
    RatePlan,
    SubAccount,
    ZoomToken,
)
from trunks.models.people import Role, RoleGrant, User
from trunks.models.rate_budget import RateBudget
from trunks.models.stops import Circuit, WriteStop
from trunks.models.trunk_request import (
    BAD_LINE_STATES,
    ENDED_LINE_STATES,
    GOOD_LINE_STATES,
    MAX_LINES,
    OPEN_STATES,
    WORKING_STATES,
    Decision,
    Hold,
    Kind,
    Line,
    LineState,
    Revision,
    State,
    Step,
    TrunkRequest,
    Verdict,
)
from trunks.models.unknown_error import UnknownError

__all__ = [
    "BAD_LINE_STATES",
    "ENDED_LINE_STATES",
    "GOOD_LINE_STATES",
    "MAX_LINES",
    "OPEN_STATES",
    "WORKING_STATES",
    "Attempt",
    "Circuit",
    "Decision",
    "Heartbeat",
    "Hold",
    "Kind",
    "Line",
    "LineState",
    "ListedTrunk",
    "MasterAccount",
    "MasterTrunk",
    "RateBudget",
    "RatePlan",
    "Revision",
    "Role",
    "RoleGrant",
    "State",
    "Step",
    "SubAccount",
    "TrunkRequest",
    "UnknownError",
    "User",
    "Verdict",
    "WriteStop",
    "ZoomCall",
    "ZoomToken",
]
