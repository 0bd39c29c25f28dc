"""The closed list of what the audit trail can say, each with its sentence for people."""

from django.db.models import TextChoices


class Action(TextChoices):
    """A kind of audit event. The value is stored; `sentence` is shown, after the actor's name."""

    REQUEST_FILED = "request.filed", "filed the request"
    REQUEST_AMENDED = "request.amended", "amended the request"
    REQUEST_WITHDRAWN = "request.withdrawn", "withdrew the request"
    REQUEST_APPROVED = "request.approved", "approved the request"
    REQUEST_DENIED = "request.denied", "denied the request"
    REQUEST_SENT_BACK = "request.sent_back", "sent the request back"
    REQUEST_EXPIRED = "request.expired", "let the request expire"
    REQUEST_RETRIED = "request.retried", "asked for another try of the lines that failed"
    REQUEST_CHECKED = "request.checked", "asked for Zoom to be read now"
    ACTION_REFUSED = "request.action_refused", "was refused an action on the request"

    PROVISIONING_STARTED = "provisioning.started", "began to carry out the request"
    PROVISIONING_INTENDED = "provisioning.intended", "is about to send this to Zoom"
    PROVISIONING_ANSWERED = "provisioning.answered", "got Zoom's answer"
    PROVISIONING_RELEASED = "provisioning.released", "put the request back in the queue"
    PROVISIONING_UNCONFIRMED = "provisioning.unconfirmed", "does not know whether Zoom did it"
    PROVISIONING_NOT_APPLIED = "provisioning.not_applied", "found that Zoom did not do it"
    PROVISIONING_SETTLED = "provisioning.settled", "settled the request by Zoom's list"
    PROVISIONING_STOPPED = "provisioning.stopped", "stopped before sending: the world had moved"

    NOTICE_SENT = "notice.sent", "sends the supervisors an e-mail: a customer is without a trunk"
    NOTICE_FAILED = "notice.failed", "could not tell the supervisors by e-mail"

    MASTER_CONNECTED = "master.connected", "connected the master account"
    MASTER_CREDENTIALS_CHANGED = "master.credentials_changed", "changed the master account's credentials"
    SYNC_REQUESTED = "sync.requested", "asked for the estate to be read again"
    SYNC_FINISHED = "sync.finished", "read the estate from Zoom"
    SYNC_FAILED = "sync.failed", "could not read the estate from Zoom"
    ROLE_GRANTED = "role.granted", "granted a role"
    KEYS_ROTATED = "keys.rotated", "encrypted the stored secrets with the newest key"

    @property
    def sentence(self) -> str:
        return str(self.label)
