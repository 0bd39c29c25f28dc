"""Who works with the portal, and what each may do for which master account."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.expressions import Combinable
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property

from trunks.compiled import Param, Rows


class Role(models.TextChoices):
    STAFF = "staff", "Staff"
    SUPERVISOR = "supervisor", "Supervisor"
    MANAGER = "manager", "Manager"
    ADMINISTRATOR = "administrator", "Administrator"


class UserManager(BaseUserManager["User"]):
    def get(self, *args: Any, **kwargs: Any) -> User:
        """Return one person, as any manager does; by the key alone, which every page asks, by a kept query."""
        if args or kwargs.keys() != {"pk"}:
            return super().get(*args, **kwargs)
        found = _PERSON(pk=kwargs["pk"])
        if not found:
            raise User.DoesNotExist("Nobody has this key.")
        return found[0]

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person, signing in by e-mail. People are deactivated, never deleted: their requests keep their names."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    # Part of every session's seal: a new one ends all sessions of the person, wherever they are kept.
    session_stamp = models.CharField(max_length=32, blank=True, default="")
    date_joined = models.DateTimeField(default=timezone.now)

    USERNAME_FIELD = "email"
    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Django's own seal holds the password alone, so that deactivating and reactivating would revive old sessions.
        seal = f"{self.password}{self.session_stamp}"
        return salted_hmac("trunks.User.session", seal, secret=secret, algorithm="sha256").hexdigest()

    @cached_property
    def grants(self) -> list[RoleGrant]:
        """Return the grants in force, read once for each web request (the user object lives no longer)."""
        return _GRANTS(user=self.pk, today=timezone.now().date()) if self.is_active else []

    def holds(self, role: Role, master_id: int | None = None) -> bool:
        """Say whether the person has `role`: for that master account or, without one, for any.

        Being a superuser counts for nothing here: a superuser is not exempt from any rule.
        """
        return any(
            grant.role == role and (master_id is None or grant.master_id in (None, master_id))
            for grant in self.grants
        )

    @property
    def roles(self) -> set[str]:
        return {grant.role for grant in self.grants}


_PERSON: Rows[User] = Rows(lambda: User.objects.filter(pk=Param("pk", models.BigIntegerField())))
_GRANTS: Rows[RoleGrant] = Rows(
    lambda: RoleGrant.objects.in_force(Param("today", models.DateField())).filter(user=Param("user"))
)


class RoleGrantQuerySet(models.QuerySet["RoleGrant"]):
    def in_force(self, today: date | Combinable | None = None) -> RoleGrantQuerySet:
        today = timezone.now().date() if today is None else today
        return self.filter(Q(ends_on=None) | Q(ends_on__gte=today), user__is_active=True)

    def of_lasting_administrators(self) -> RoleGrantQuerySet:
        """Return the grants that keep the portal governable: administrator for all masters, without an end."""
        return self.filter(role=Role.ADMINISTRATOR, master=None, ends_on=None)


class RoleGrant(models.Model):
    """One role of one person, for one master account or, with `master` empty, for all of them."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="role_grants")
    role = models.CharField(max_length=20, choices=Role.choices)
    master = models.ForeignKey(
        "trunks.MasterAccount", on_delete=models.CASCADE, null=True, blank=True, related_name="role_grants"
    )
    ends_on = models.DateField(null=True, blank=True)
    # Given by a group at the identity provider, and taken away with it.
    by_group = models.BooleanField(default=False)

    objects = RoleGrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "role", "master"], name="one_grant_per_role_and_master"),
            # Null masters are all distinct to the constraint above.
            models.UniqueConstraint(
                fields=["user", "role"], condition=Q(master=None), name="one_grant_per_role_for_all_masters"
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} for {self.master or 'all master accounts'}"

    @property
    def has_ended(self) -> bool:
        return self.ends_on is not None and self.ends_on < timezone.now().date()
