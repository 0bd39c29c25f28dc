"""What people are told by e-mail: what has happened, a letter for each of them, and what each wants to hear."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from trunks.models import clock
from trunks.models.trunk_request import TrunkRequest


class Topic(models.TextChoices):
    """What a letter can be about; the label is what a person chooses by."""

    ASKED = "asked", "A request waits for my decision"
    REMINDER = "reminder", "A request still waits for my decision"
    ESCALATED = "escalated", "A request waits that nobody has decided on in time"
    DECIDED = "decided", "My request was approved, denied or sent back, or expired"
    SETTLED = "settled", "My request was carried out, or could not be"
    UNSETTLED = "unsettled", "A request comes to no end: people have to look"
    DIGEST = "digest", "Every morning: what waits for me"
    LOST = "lost", "Alarm: a customer has lost a trunk"
    TROUBLE = "trouble", "Alarm: the portal needs an administrator"


# Nobody can be spared these: who could switch an alarm off would be who does not hear it.
ALARMS = (Topic.LOST, Topic.TROUBLE)


class How(models.TextChoices):
    AT_ONCE = "at_once", "At once"
    IN_DIGEST = "in_digest", "In the morning mail"
    NEVER = "never", "Not at all"


class OccasionQuerySet(models.QuerySet["Occasion"]):
    def unspread(self) -> OccasionQuerySet:
        """Return what nobody has been picked for yet, oldest first."""
        return self.filter(spread_at=None).order_by("id")


class Occasion(models.Model):
    """Something that people are to be told of, written in the transaction in which it happens.

    It is the one row that this costs there: whom it concerns is found out after the commit. `key` names what happened,
    so that the same thing cannot be told of twice. `facts` are the words that belong to this moment.
    """

    key = models.CharField(max_length=80, unique=True)
    topic = models.CharField(max_length=20)
    trunk_request = models.ForeignKey(
        TrunkRequest, on_delete=models.CASCADE, null=True, related_name="occasions"
    )
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    facts = models.JSONField(default=dict)
    at = models.DateTimeField()
    spread_at = models.DateTimeField("when it was found out whom it concerns", null=True, blank=True)

    objects = OccasionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["id"], condition=Q(spread_at=None), name="occasion_unspread")]

    def __str__(self) -> str:
        return self.key


class Sending(models.TextChoices):
    WAITING = "waiting", "Waiting to be sent"
    HELD = "held", "Kept for the morning mail"
    SENT = "sent", "Sent"
    SPARED = "spared", "Not sent: no longer wanted or needed"
    FAILED = "failed", "Could not be sent"


class NoticeQuerySet(models.QuerySet["Notice"]):
    def due(self) -> NoticeQuerySet:
        """Return the letters that could be sent now: their time has come, and no worker holds them."""
        waiting = self.filter(clock.unleased(), sending=Sending.WAITING, next_attempt_at__lte=clock.now())
        return waiting.order_by("id")

    def stuck(self) -> NoticeQuerySet:
        """Return the letters that could not be sent, for good or so far, newest first."""
        trying = Q(sending=Sending.WAITING, tries__gt=0) & ~Q(problem="")
        return self.filter(trying | Q(sending=Sending.FAILED)).order_by("-id")


class Notice(models.Model):
    """One letter to one person about one occasion: the outbox.

    It is claimed by raising `tries` under a lease, so that two workers cannot both send it.
    """

    occasion = models.ForeignKey(Occasion, on_delete=models.CASCADE, related_name="notices")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    sending = models.CharField(max_length=10, choices=Sending.choices, default=Sending.WAITING)
    made_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    subject = models.CharField(max_length=300, blank=True)
    problem = models.TextField(blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["sending", "next_attempt_at"], name="notice_due")]
        constraints = [
            models.UniqueConstraint(fields=["occasion", "user"], name="one_notice_per_person"),
            models.CheckConstraint(condition=Q(sending__in=Sending.values), name="sending_is_known"),
        ]

    def __str__(self) -> str:
        return f"e-mail to {self.user}"

    @property
    def topic_label(self) -> str:
        return str(Topic(self.occasion.topic).label)


class NoticeChoice(models.Model):
    """How one person wants to hear of one topic, where that is not the portal's own way."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_choices"
    )
    topic = models.CharField(max_length=20)
    how = models.CharField(max_length=10, choices=How.choices)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "topic"], name="one_choice_per_topic"),
            models.CheckConstraint(condition=Q(how__in=How.values), name="how_is_known"),
            # The last wall behind "alarms cannot be switched off": it holds for scripts and shells as well.
            models.CheckConstraint(condition=~Q(topic__in=ALARMS), name="alarms_are_not_chosen"),
        ]

    def __str__(self) -> str:
        return f"{self.topic}: {self.how}"
