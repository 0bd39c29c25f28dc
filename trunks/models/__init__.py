"""The tables. Questions about one row are methods, questions about many rows are QuerySet methods."""

from trunks.models.approval_policy import ApprovalPolicy
from trunks.models.attempt import Attempt, ZoomCall
from trunks.models.audit_archive import AuditArchive
from trunks.models.audit_digest import AuditCheck, AuditDigest, Result
from trunks.models.audit_index import AuditEntry, AuditFacet, AuditIndexed, AuditNumber
from trunks.models.audit_stream import AuditStream
from trunks.models.browser import BrowserSignIn
from trunks.models.choices import (
    ASSIGNED_LINE_STATES,
    ENDED_LINE_STATES,
    FIRST_PHASE,
    GOOD_LINE_STATES,
    MAX_LINES,
    OPEN_STATES,
    WORKING_STATES,
    Hold,
    Kind,
    LineState,
    Phase,
    State,
    Step,
    Verdict,
)
from trunks.models.decisions import Decision, Look, Permit, Revision
from trunks.models.delegation import STAND_INS, Delegation
from trunks.models.estate import (
    Heartbeat,
    ListedTrunk,
    MasterAccount,
    MasterTrunk,
    RatePlan,
    SubAccount,
    ZoomToken,
)
from trunks.models.invitation import Invitation
from trunks.models.month_review import Mark, MonthReview, SampledItem
from trunks.models.notice import How, Notice, NoticeChoice, Occasion, Sending, Topic
from trunks.models.people import Role, RoleGrant, User
from trunks.models.prepared_file import Ending, FilePart, PreparedFile
from trunks.models.rate_budget import TOKENS, Counted, NoRoom, Outlook, RateBudget, Trips, Turn
from trunks.models.saved_view import SavedView
from trunks.models.stops import Circuit, WriteStop
from trunks.models.trunk_request import Line, TrunkRequest
from trunks.models.unknown_error import UnknownError
from trunks.models.webhook import Delivery, Webhook

__all__ = [
    "ASSIGNED_LINE_STATES",
    "ENDED_LINE_STATES",
    "FIRST_PHASE",
    "GOOD_LINE_STATES",
    "MAX_LINES",
    "OPEN_STATES",
    "STAND_INS",
    "TOKENS",
    "WORKING_STATES",
    "ApprovalPolicy",
    "Attempt",
    "AuditArchive",
    "AuditCheck",
    "AuditDigest",
    "AuditEntry",
    "AuditFacet",
    "AuditIndexed",
    "AuditNumber",
    "AuditStream",
    "BrowserSignIn",
    "Circuit",
    "Counted",
    "Decision",
    "Delegation",
    "Delivery",
    "Ending",
    "FilePart",
    "Heartbeat",
    "Hold",
    "How",
    "Invitation",
    "Kind",
    "Line",
    "LineState",
    "ListedTrunk",
    "Look",
    "Mark",
    "MasterAccount",
    "MasterTrunk",
    "MonthReview",
    "NoRoom",
    "Notice",
    "NoticeChoice",
    "Occasion",
    "Outlook",
    "Permit",
    "Phase",
    "PreparedFile",
    "RateBudget",
    "RatePlan",
    "Result",
    "Revision",
    "Role",
    "RoleGrant",
    "SampledItem",
    "SavedView",
    "Sending",
    "State",
    "Step",
    "SubAccount",
    "Topic",
    "Trips",
    "TrunkRequest",
    "Turn",
    "UnknownError",
    "User",
    "Verdict",
    "Webhook",
    "WriteStop",
    "ZoomCall",
    "ZoomToken",
]
