"""The closed list of what the audit trail can say, each with its sentence for people."""

from __future__ import annotations

from django.db.models import TextChoices


class Action(TextChoices):
    """A kind of audit event. The value is stored; `sentence` is shown, after the actor's name."""

    REQUEST_FILED = "request.filed", "filed the request"
    REQUEST_AMENDED = "request.amended", "amended the request"
    REQUEST_WITHDRAWN = "request.withdrawn", "withdrew the request"
    REQUEST_APPROVED = "request.approved", "approved the request"
    REQUEST_APPROVAL_GIVEN = "request.approval_given", "gave one of the approvals that the request takes"
    REQUEST_APPROVAL_TAKEN_BACK = "request.approval_taken_back", "took back their approval of the request"
    REQUEST_REVALIDATED = (
        "request.revalidated",
        "validated the request again, with what has changed at Zoom",
    )
    REQUEST_DENIED = "request.denied", "denied the request"
    REQUEST_SENT_BACK = "request.sent_back", "sent the request back"
    REQUEST_EXPIRED = "request.expired", "let the request expire"
    REQUEST_RETRIED = "request.retried", "asked to retry the lines that failed"
    REQUEST_CHECKED = "request.checked", "asked for Zoom to be read now"
    REQUEST_GIVEN_UP = "request.given_up", "gave up on finding out what Zoom did"
    REQUEST_ALARM_ENDED = (
        "request.alarm_ended",
        "ended the alarm: the customer needs nothing in the trunk's place",
    )
    REQUEST_DISPLACED_ENDED = (
        "request.displaced_ended",
        "ended the alarm: the customer is not to have the other trunks back",
    )
    FILING_REFUSED = "request.filing_refused", "was not allowed to file a request for the sub account"
    IMPORT_BEGUN = "import.begun", "began to file the requests of a table"
    IMPORT_ENDED = "import.ended", "filed the requests of a table"
    ACTION_REFUSED = "request.action_refused", "was refused an action on the request"

    PROVISIONING_STARTED = "provisioning.started", "began to carry out the request"
    PROVISIONING_INTENDED = "provisioning.intended", "is about to send this to Zoom"
    PROVISIONING_ANSWERED = "provisioning.answered", "got Zoom's answer"
    PROVISIONING_RELEASED = "provisioning.released", "put the request back in the queue"
    PROVISIONING_UNCONFIRMED = "provisioning.unconfirmed", "does not know whether Zoom did it"
    PROVISIONING_NOT_APPLIED = "provisioning.not_applied", "found that Zoom did not do it"
    PROVISIONING_DISPLACED = (
        "provisioning.displaced",
        "found other trunks of the sub account gone from Zoom's list since the request was sent",
    )
    PROVISIONING_SETTLED = "provisioning.settled", "settled the request by Zoom's list"
    PROVISIONING_STOPPED = (
        "provisioning.stopped",
        "stopped before sending: something had changed since the approval",
    )
    PROVISIONING_HALTED = "provisioning.halted", "did not send: writing to Zoom is stopped"
    PROVISIONING_ATTENTION = (
        "provisioning.attention",
        "did not come to an end in time, and asks people to look",
    )

    WRITING_STOPPED = "writing.stopped", "stopped all writing to Zoom"
    WRITING_START_ASKED = "writing.start_asked", "asked for writing to Zoom to start again"
    WRITING_START_DECLINED = "writing.start_declined", "kept writing to Zoom stopped"
    WRITING_STARTED = "writing.started", "confirmed that writing to Zoom starts again"
    WRITING_ACTION_REFUSED = "writing.action_refused", "was not allowed to stop or start writing to Zoom"
    CIRCUIT_OPENED = "circuit.opened", "stopped calling Zoom for the master account: calls failed in a row"
    CIRCUIT_CLOSED = "circuit.closed", "calls Zoom for the master account again: it answers"

    NOTICE_SENT = "notice.sent", "sends the supervisors an e-mail: a customer has lost a trunk"
    NOTICE_ESCALATED = "notice.escalated", "tells others that nobody has decided in time"
    NOTICE_FAILED = "notice.failed", "could not send an e-mail"
    NOTICE_SENT_AGAIN = "notice.sent_again", "asked for an e-mail to be sent again"
    NOTICES_CHOSEN = "notice.chosen", "chose what to hear by e-mail"

    TRAIL_EXPORTED = "trail.exported", "exported events of the audit trail"
    FILE_ASKED = "file.asked", "asked for a file of the audit trail to be prepared"
    FILE_READY = "file.ready", "prepared a file of the audit trail"
    FILE_FAILED = "file.failed", "could not prepare a file of the audit trail"
    FILE_REMOVED = "file.removed", "gave up or removed a prepared file of the audit trail"
    FILE_LET_GO = "file.let_go", "deleted a prepared file of the audit trail"
    FILE_TAKEN = "file.taken", "downloaded a prepared file of the audit trail"
    EVIDENCE_EXPORTED = "evidence.exported", "downloaded the evidence pack of the request"
    DIGEST_MADE = "digest.made", "sealed a day of the audit trail"
    DIGEST_SENT = "digest.sent", "sent the digests of the audit trail to the managers"
    DIGEST_NOT_SENT = "digest.not_sent", "could not deliver a digest of the audit trail"
    ARCHIVE_MADE = (
        "archive.made",
        "put a month of the audit trail into an archive, and took it out of the portal",
    )
    VERIFICATION_ASKED = "verification.asked", "asked for the audit trail to be verified"
    VERIFICATION_PASSED = "verification.passed", "verified the audit trail: nothing was altered"
    VERIFICATION_FAILED = "verification.failed", "verified the audit trail, and it is not in order"
    VERIFICATION_BROKEN = "verification.broken", "could not verify the audit trail"
    WEBHOOK_ADDED = "webhook.added", "added a webhook"
    WEBHOOK_SWITCHED_OFF = "webhook.switched_off", "switched a webhook off"
    WEBHOOK_SWITCHED_ON = "webhook.switched_on", "switched a webhook on"
    WEBHOOK_SECRET_RENEWED = "webhook.secret_renewed", "gave a webhook a new secret"  # a name
    WEBHOOK_TESTED = "webhook.tested", "sent a test to a webhook"
    WEBHOOK_SENT_AGAIN = "webhook.sent_again", "asked for a delivery to be sent again"
    WEBHOOK_FAILED = "webhook.failed", "gave up on a delivery to a webhook"
    WEBHOOK_DISABLED = "webhook.disabled", "switched a webhook off: it has failed for days"

    MASTER_CONNECTED = "master.connected", "connected the master account"
    MASTER_NOT_CONNECTED = "master.not_connected", "could not connect the master account"
    MASTER_CREDENTIALS_CHANGED = "master.credentials_changed", "changed the master account's credentials"
    MASTER_ACTION_REFUSED = (
        "master.action_refused",
        "was not allowed to connect, read or change a master account",
    )
    POLICY_CHANGED = "policy.changed", "changed the approval policy"
    WEBHOOK_ACTION_REFUSED = "webhook.action_refused", "was refused an action on the webhooks"
    AUDIT_ACTION_REFUSED = "audit.action_refused", "was refused an action on the audit trail"
    SYNC_REQUESTED = "sync.requested", "asked for the estate to be read again"
    SYNC_FINISHED = "sync.finished", "read the estate from Zoom"
    SYNC_FAILED = "sync.failed", "could not read the estate from Zoom"
    DELEGATION_MADE = "delegation.made", "lets somebody decide on their behalf"
    DELEGATION_ENDED = "delegation.ended", "ended a delegation"
    DELEGATION_REFUSED = "delegation.refused", "was not allowed to make or end a delegation"
    ROLE_GRANTED = "role.granted", "granted a role"
    ROLE_CHANGED = "role.changed", "changed the last day of a role"
    ROLE_REVOKED = "role.revoked", "revoked a role"
    PERSON_INVITED = "person.invited", "invited the person"
    PERSON_JOINED = "person.joined", "joined by accepting an invitation"
    PERSON_DEACTIVATED = "person.deactivated", "deactivated the person and ended their sessions"
    PERSON_REACTIVATED = "person.reactivated", "reactivated the person"
    PERSON_ACTION_REFUSED = "person.action_refused", "was refused a change of people or roles"
    INVITATION_RENEWED = "invitation.renewed", "sent the invitation with a new link"
    INVITATION_WITHDRAWN = "invitation.withdrawn", "withdrew the invitation"
    INVITATION_NOT_MAILED = "invitation.not_mailed", "could not send the invitation by e-mail"
    SESSIONS_ENDED = "session.ended", "ended the person's sessions"
    SECOND_FACTORS_RESET = "factor.reset", "removed the person's second factors"
    SIGNED_IN = "session.began", "signed in"
    SIGN_IN_FAILED = "session.failed", "refused a sign-in: something that was entered is wrong"
    TRIES_HELD_BACK = "session.held_back", "refused further attempts: there were too many"
    SIGNED_OUT = "session.left", "signed out"
    OTHER_SESSIONS_ENDED = "session.others_ended", "signed out of all other sessions"
    IDENTITY_CONFIRMED = "session.confirmed", "proved again who they are"
    IDENTITY_NOT_CONFIRMED = "session.not_confirmed", "got no valid proof of who it is"
    FACTOR_ADDED = "factor.added", "set up a second factor"
    FACTOR_REMOVED = "factor.removed", "removed a second factor of their own"
    FACTOR_RENAMED = "factor.renamed", "gave a second factor of their own another name"
    FACTOR_FAILED = "factor.failed", "refused a sign-in: the second factor is wrong"
    RECOVERY_CODES_GENERATED = "factor.codes_generated", "made new recovery codes"
    RECOVERY_CODES_SHOWN = "factor.codes_shown", "was shown their recovery codes"
    RECOVERY_CODE_USED = "factor.code_used", "used a recovery code"
    PASSWORD_CHANGED = "password.changed", "changed their password"
    PASSWORD_RESET_ASKED = "password.reset_asked", "was asked for an e-mail with a link to a new password"
    PASSWORD_RESET = "password.reset", "accepted a new password for the person, by a link from an e-mail"
    VIEW_SAVED = "view.saved", "kept a view of the audit trail"
    VIEW_REMOVED = "view.removed", "removed a view of the audit trail"
    VIEW_ACTION_REFUSED = "view.action_refused", "was not allowed to keep or remove a view of the audit trail"
    REVIEW_DRAWN = "review.drawn", "drew the sample of a month"
    REVIEW_IN_ORDER = "review.in_order", "found an item of a month's sample in order"
    REVIEW_QUESTIONED = "review.questioned", "has a question about an item of a month's sample"
    REVIEW_SIGNED_OFF = "review.signed_off", "signed off the review of a month"
    PERSON_READ = "person.read", "read all that the person has done"
    SESSIONS_READ = "person.sessions_read", "read where the person is signed in"
    ADDRESS_READ = "address.read", "read all that came from one address"
    ACCESS_REFUSED = "access.refused", "was turned away from what their roles do not allow"
    KEYS_ROTATED = "keys.rotated", "encrypted the stored secrets with the newest key"

    @property
    def sentence(self) -> str:
        return str(self.label)

    @property
    def outcome(self) -> Outcome:
        """Return how such an action ends unless the event says otherwise."""
        return _OUTCOMES.get(self, Outcome.DONE)


class Outcome(TextChoices):
    """How what an event tells of came out."""

    DONE = "done", "Done"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Nobody knows"


_OUTCOMES = {
    Action.VIEW_ACTION_REFUSED: Outcome.REFUSED,
    Action.FILING_REFUSED: Outcome.REFUSED,
    Action.DELEGATION_REFUSED: Outcome.REFUSED,
    Action.ACCESS_REFUSED: Outcome.REFUSED,
    Action.AUDIT_ACTION_REFUSED: Outcome.REFUSED,
    Action.WEBHOOK_ACTION_REFUSED: Outcome.REFUSED,
    Action.MASTER_ACTION_REFUSED: Outcome.REFUSED,
    Action.ACTION_REFUSED: Outcome.REFUSED,
    Action.WRITING_ACTION_REFUSED: Outcome.REFUSED,
    Action.REQUEST_GIVEN_UP: Outcome.UNKNOWN,
    Action.PROVISIONING_UNCONFIRMED: Outcome.UNKNOWN,
    Action.PROVISIONING_ATTENTION: Outcome.UNKNOWN,
    Action.PROVISIONING_NOT_APPLIED: Outcome.FAILED,
    Action.PROVISIONING_DISPLACED: Outcome.FAILED,
    Action.NOTICE_FAILED: Outcome.FAILED,
    Action.WEBHOOK_FAILED: Outcome.FAILED,
    Action.WEBHOOK_DISABLED: Outcome.FAILED,
    Action.PERSON_ACTION_REFUSED: Outcome.REFUSED,
    Action.INVITATION_NOT_MAILED: Outcome.FAILED,
    Action.SIGN_IN_FAILED: Outcome.REFUSED,
    Action.TRIES_HELD_BACK: Outcome.REFUSED,
    Action.IDENTITY_NOT_CONFIRMED: Outcome.REFUSED,
    Action.FACTOR_FAILED: Outcome.REFUSED,
    Action.SYNC_FAILED: Outcome.FAILED,
    Action.MASTER_NOT_CONNECTED: Outcome.FAILED,
    Action.FILE_FAILED: Outcome.FAILED,
    Action.DIGEST_NOT_SENT: Outcome.FAILED,
    Action.VERIFICATION_FAILED: Outcome.FAILED,
    Action.VERIFICATION_BROKEN: Outcome.FAILED,
}
