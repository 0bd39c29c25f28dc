"""What exists at Zoom, as last read: master accounts, their trunks, their sub accounts, and what those are assigned."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import Combinable

from trunks import numbers
from trunks.models import clock
from trunks.models.fields import EncryptedTextField


class RatePlan(models.TextChoices):
    PRO = "pro", "Pro"
    BUSINESS = "business", "Business, Education, Enterprise or Partner"


class MasterAccount(models.Model):
    """A Zoom account that owns SIP trunks, with the server-to-server app the portal calls Zoom with."""

    name = models.CharField(max_length=120, unique=True)
    zoom_id = models.CharField("Zoom account id", max_length=64, unique=True)
    client_id = models.CharField(max_length=200)
    client_secret = EncryptedTextField()
    rate_plan = models.CharField(max_length=10, choices=RatePlan.choices, default=RatePlan.PRO)
    # The limit is shared by all apps of the account; those that a 429 would hurt can be left a part of it.
    rate_share = models.PositiveSmallIntegerField("share of the limit, percent", default=100)
    connected_at = models.DateTimeField()

    # The sync in progress (or the last one); `sync_until` is the lease of whoever reads.
    sync_started_at = models.DateTimeField(null=True, blank=True)
    sync_until = models.DateTimeField(null=True, blank=True)
    sync_done = models.PositiveIntegerField(default=0)
    sync_total = models.PositiveIntegerField(default=0)
    sync_problem = models.TextField(blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)

    # A piece of a reading takes three minutes at most; the next waits for a free worker.
    BETWEEN_PIECES_SECONDS = 360.0

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(rate_share__gte=1, rate_share__lte=100), name="rate_share_is_a_percentage"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def unread() -> Q:
        """Return the condition that nobody is reading the account's estate."""
        return Q(sync_until=None) | Q(sync_until__lt=clock.now())

    @staticmethod
    def unfinished(seconds: float) -> Q:
        """Return the condition that a reading of the last so many seconds was left off before its end."""
        began = Q(sync_started_at__gt=clock.after(-seconds))
        return began & Q(sync_problem="", sync_done__lt=F("sync_total"))

    @classmethod
    def between_pieces(cls) -> Q:
        """Return the condition that a worker has just let go of a reading, and one is rung for to go on."""
        return Q(sync_until=None) & cls.unfinished(cls.BETWEEN_PIECES_SECONDS)

    @classmethod
    def being_read(cls) -> Q:
        """Return the condition that the estate is being read; a moment between two pieces counts."""
        return ~cls.unread() | cls.between_pieces()

    @staticmethod
    def lease() -> Combinable:
        """Return until when whoever reads the estate now may be silent."""
        return clock.after(settings.HTTP_DEADLINE_SECONDS * 4)

    def as_begun(self) -> QuerySet[MasterAccount]:
        """Return this row, or nothing when its estate was begun to be read once more since this instance was made."""
        return MasterAccount.objects.filter(pk=self.pk, sync_started_at=self.sync_started_at)


class Mirrored(models.Model):
    """A row that mirrors something at Zoom. What vanished there is marked gone, never deleted."""

    zoom_id = models.CharField("Zoom id", max_length=200)
    name = models.CharField(max_length=255, blank=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    gone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name or self.zoom_id


class MasterTrunk(Mirrored):
    """A SIP trunk of a master account, from `GET /accounts/me/sip_trunk/trunks`."""

    master = models.ForeignKey(MasterAccount, on_delete=models.PROTECT, related_name="trunks")
    sip_server_address = models.CharField(max_length=255, blank=True)
    dnis = models.CharField("DNIS", max_length=64, blank=True)
    number_prefix = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["name", "zoom_id"]
        constraints = [
            models.UniqueConstraint(fields=["master", "zoom_id"], name="one_master_trunk_per_zoom_id"),
        ]

    @property
    def prefix(self) -> str:
        """Return the DNIS prefix: the first five digits of the trunk's own DNIS (Zoom has no field for it)."""
        return numbers.prefix_of(self.dnis, settings.DNIS_PREFIX_LENGTH)


class SubAccount(Mirrored):
    """A customer's account under a master account, from `GET /accounts`."""

    master = models.ForeignKey(MasterAccount, on_delete=models.PROTECT, related_name="sub_accounts")
    number = models.CharField("account number", max_length=64, blank=True)
    account_type = models.CharField(max_length=64, blank=True)
    owner_email = models.CharField(max_length=255, blank=True)
    trunks_read_at = models.DateTimeField(null=True, blank=True)
    trunks_problem = models.TextField(blank=True)

    class Meta:
        ordering = ["name", "zoom_id"]
        constraints = [
            models.UniqueConstraint(fields=["master", "zoom_id"], name="one_sub_account_per_zoom_id"),
        ]
        indexes = [
            models.Index(fields=["master", "name", "id"], name="sub_account_by_name"),
            # The lists of all master accounts are gone through in this order, and ended where the page ends.
            models.Index(fields=["name", "id"], name="sub_account_of_any_by_name"),
        ]


class ListedTrunk(Mirrored):
    """One row of Zoom's list of a sub account's trunks, from `GET /accounts/{accountId}/sip_trunk/trunks`.

    `zoom_id` may be the master trunk's id or one of its own: Zoom does not say. `outbound_caller_id` is null when
    Zoom's list did not report one.
    """

    master = models.ForeignKey(MasterAccount, on_delete=models.PROTECT, related_name="+")
    sub_account = models.ForeignKey(SubAccount, on_delete=models.PROTECT, related_name="listed_trunks")
    sip_server_address = models.CharField(max_length=255, blank=True)
    dnis = models.CharField("DNIS", max_length=64, blank=True)
    number_prefix = models.CharField(max_length=64, blank=True)
    outbound_caller_id = models.CharField(max_length=64, null=True, blank=True)

    class Meta:
        ordering = ["dnis", "zoom_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["sub_account", "zoom_id", "dnis"], name="one_listed_trunk_per_id_and_dnis"
            ),
        ]
        indexes = [
            models.Index(fields=["master", "dnis"], condition=Q(gone_at=None), name="listed_dnis_present"),
            models.Index(fields=["dnis", "id"], condition=Q(gone_at=None), name="listed_of_any_by_dnis"),
        ]


class ZoomToken(models.Model):
    """The one access token that all processes share for a master account."""

    master = models.OneToOneField(MasterAccount, on_delete=models.CASCADE, related_name="+")
    value = EncryptedTextField(blank=True)
    scope = models.TextField(blank=True)
    expires_at = models.FloatField("expiry, seconds since 1970", default=0)
    serial = models.PositiveBigIntegerField(default=0)
    renewing_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"token {self.serial} of {self.master_id}"


class Heartbeat(models.Model):
    """When a kind of process was last seen alive, by the database's clock."""

    name = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField()

    WORKER = "worker"
    # No process: when one took the turn to send the managers a day's digest.
    DIGEST_LETTERS = "digest-letters"
    # No process either: when every digest was last seen to lie in the second place.
    SECOND_PLACE = "second-place"

    def __str__(self) -> str:
        return self.name

    @classmethod
    def write(cls, name: str) -> None:
        """Write down that `name` was seen now, by the database's clock."""
        if not cls.objects.filter(name=name).update(at=clock.now()):
            cls.objects.get_or_create(name=name, defaults={"at": clock.now()})

    @classmethod
    def take_turn(cls, name: str, *, every: float, ahead: float) -> bool:
        """Say whether this process gets the turn of that name: nobody took it within the last `every` seconds.

        A turn that lies more than `ahead` seconds in the future is ignored, because the database's clock was set back
        and nobody must wait until it has caught up. A little ahead is normal: whoever waited for another's statement
        asks with the time at which its own began.
        """
        free = Q(at__lte=clock.after(-every)) | Q(at__gt=clock.after(ahead))
        if cls.objects.filter(free, name=name).update(at=clock.now()):
            return True
        return cls.objects.get_or_create(name=name, defaults={"at": clock.now()})[1]

    @staticmethod
    def patience() -> timedelta:
        """Return how long a worker may leave no sign: three sweeps and ten seconds."""
        return timedelta(seconds=3 * settings.SWEEP_SECONDS + 10)

    @classmethod
    def recently(cls, before: Combinable | None = None) -> models.ExpressionWrapper[Q]:
        """Return whether a row was written within `patience`, for a query; `before` is that as a negative span."""
        limit = clock.after(before or -cls.patience().total_seconds())
        return models.ExpressionWrapper(Q(at__gt=limit), output_field=models.BooleanField())

    @classmethod
    def worker(cls) -> tuple[datetime, bool] | None:
        """Return when a worker was last seen, and whether within `patience`; None for never."""
        row: tuple[datetime, bool] | None = (
            cls.objects.filter(name=cls.WORKER).values_list("at", cls.recently()).first()
        )
        return row
