"""The managers' monthly review: what was drawn, how each was found, and who signed it off."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from trunks.models.trunk_request import TrunkRequest


class Mark(models.TextChoices):
    """How a manager found something that was drawn."""

    NONE = "", "Not looked at"
    IN_ORDER = "in_order", "In order"
    QUESTION = "question", "Question"


class MonthReview(models.Model):
    """The review of one month. Once it is signed off, the database refuses every change of it and of its items.

    `population` is all that could have been drawn, with weights, so that anybody can draw the sample anew from `seed`.
    """

    month = models.CharField(max_length=7, unique=True)
    last = models.BigIntegerField("number of the month's last event")
    head = models.CharField("hash of the month's last event", max_length=64)
    seed = models.CharField(max_length=64)
    population = models.JSONField(default=list)
    drawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    drawn_at = models.DateTimeField()
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    signed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-month"]
        constraints = [
            models.CheckConstraint(
                condition=Q(signed_by=None, signed_at=None)
                | Q(signed_by__isnull=False, signed_at__isnull=False),
                name="review_is_signed_by_somebody",
            )
        ]

    def __str__(self) -> str:
        return f"review of {self.month}"


class SampledItemQuerySet(models.QuerySet["SampledItem"]):
    def questions(self) -> SampledItemQuerySet:
        return self.filter(mark=Mark.QUESTION).select_related("review", "marked_by", "trunk_request")


class SampledItem(models.Model):
    """One request or event of a month's sample. `people` are those who acted in it, who do not judge it."""

    review = models.ForeignKey(MonthReview, on_delete=models.CASCADE, related_name="items")
    place = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=30)
    weight = models.PositiveSmallIntegerField()
    grounds = models.JSONField(default=list)
    people = models.JSONField(default=list)
    event = models.BigIntegerField("number of the event that it stands for")
    trunk_request = models.ForeignKey(
        TrunkRequest, on_delete=models.CASCADE, related_name="sampled", null=True, blank=True
    )
    mark = models.CharField(max_length=10, choices=Mark.choices, default=Mark.NONE, blank=True)
    comment = models.TextField(blank=True)
    marked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    marked_at = models.DateTimeField(null=True, blank=True)

    objects = SampledItemQuerySet.as_manager()

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["review", "key"], name="one_item_per_key"),
            models.CheckConstraint(
                condition=~Q(mark=Mark.QUESTION) | ~Q(comment=""), name="a_question_is_put_in_words"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} in the {self.review}"

    @property
    def is_event(self) -> bool:
        return self.key.startswith("event-")

    @property
    def stamp(self) -> str:
        """Return what tells one marking from the next: whoever marks over another's has to have seen it."""
        return self.marked_at.isoformat() if self.marked_at else ""
