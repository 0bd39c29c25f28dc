"""What the sandbox knows about: accounts, their trunks and numbers, and the apps that may call."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

T = TypeVar("T")
# Only the first five digits of a master trunk's dnis are its prefix; there is no field for it.
PREFIX_LENGTH = 5
RATE_PLANS = ("free", "pro", "business")


def check_rate_plan(name: str) -> None:
    """Raise ValueError for a rate plan that does not exist."""
    if name not in RATE_PLANS:
        raise ValueError(f"rate_plan is one of {', '.join(RATE_PLANS)}, not {name!r}")


def build(kind: Callable[..., T], raw: Mapping[str, Any]) -> T:
    """Build a record from JSON; an unknown or missing field, or one of another type, is a TypeError that names it."""
    made = kind(**raw)
    for item in dataclasses.fields(cast(Any, made)):
        value = getattr(made, item.name)
        if item.type in {str, int, bool}:
            fits = type(value) is item.type
        else:
            # The other lists and the settings hold records, which were built before.
            texts = item.type == list[str]
            fits = not texts or (isinstance(value, list) and all(isinstance(one, str) for one in value))
        if not fits:
            raise TypeError(f"{item.name} of {type(made).__name__} has another type: {value!r}")
    return made


@dataclass
class MasterTrunk:
    """A SIP trunk of a master account."""

    id: str
    name: str
    sip_server_address: str
    dnis: str
    number_prefix: str = "0"
    outbound_caller_id: str = ""

    @property
    def prefix(self) -> str:
        """Return the digits every sub account's DNIS on this trunk begins with."""
        return self.dnis[:PREFIX_LENGTH]


@dataclass
class AssignedTrunk:
    """A master trunk given to a sub account; `trunk_id` is the master's id, `id` what the list shows."""

    id: str
    trunk_id: str
    name: str
    sip_server_address: str
    dnis: str
    number_prefix: str = "0"
    outbound_caller_id: str = ""


@dataclass
class InternalNumber:
    """A phone number of the organisation's own."""

    id: str
    number: str
    display_number: str
    country: str
    type: int
    labels: str
    languages: str
    visible: bool = True
    allow_join: bool = True
    allow_for_external_meetings: bool = False


@dataclass
class TrunkSettings:
    """The display settings of SIP Connected Audio."""

    show_callout_internal_number: bool = True
    show_zoom_provided_callout_countries: int = 0
    show_zoom_provided_numbers: int = 0


@dataclass
class Account:
    """A Zoom account: a master account, one of its sub accounts, or neither."""

    id: str
    name: str
    number: int
    account_type: str = "Pro"
    owner_email: str = ""
    owner_phone: str = ""
    seats: int = 10
    created_at: str = "2024-01-15T09:30:00Z"
    subscription_start_time: str = "2024-01-15T09:30:00Z"
    subscription_end_time: str = ""
    reseller: bool = False
    master_id: str = ""
    is_master: bool = False
    sip_plan: bool = True
    rate_plan: str = "pro"
    daily_limit: int = 0
    max_internal_numbers: int = 100
    trunks: list[MasterTrunk] = field(default_factory=list)
    assigned: list[AssignedTrunk] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    countries: list[str] = field(default_factory=list)
    internal_numbers: list[InternalNumber] = field(default_factory=list)
    settings: TrunkSettings = field(default_factory=TrunkSettings)

    def __post_init__(self) -> None:
        """Refuse a rate plan without limits."""
        check_rate_plan(self.rate_plan)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Account":
        """Build an account from JSON; raises TypeError as `build` does."""
        parts = dict(raw)
        nested: dict[str, type] = {
            "trunks": MasterTrunk,
            "assigned": AssignedTrunk,
            "internal_numbers": InternalNumber,
        }
        for name, kind in nested.items():
            parts[name] = [build(kind, item) for item in parts.get(name, [])]
        parts["settings"] = build(TrunkSettings, parts.get("settings", {}))
        return build(cls, parts)


@dataclass
class App:
    """A server-to-server app: the credentials a caller presents, and what its tokens may do."""

    client_id: str
    client_secret: str
    account_id: str
    scopes: list[str]
    kind: str = "classic"
    name: str = ""
    note: str = ""


@dataclass
class Estate:
    """Everything that exists in the sandbox; order of insertion is the order of the lists."""

    accounts: dict[str, Account] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)

    def add(self, *accounts: Account) -> None:
        """Add accounts, replacing those with the same id."""
        self.accounts.update({account.id: account for account in accounts})

    def add_app(self, app: App) -> None:
        """Add an app, replacing the one with the same client id."""
        self.apps[app.client_id] = app

    def sub_accounts(self, master_id: str) -> Iterator[Account]:
        """Yield the accounts directly under a master account."""
        return (account for account in self.accounts.values() if account.master_id == master_id)

    def to_dict(self) -> dict[str, Any]:
        """Return the estate as JSON-ready data."""
        return {
            "accounts": [dataclasses.asdict(account) for account in self.accounts.values()],
            "apps": [dataclasses.asdict(app) for app in self.apps.values()],
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Estate":
        """Build an estate from what `to_dict` made, or from a hand-written part of it."""
        estate = cls()
        estate.add(*(Account.from_dict(item) for item in raw.get("accounts", [])))
        for item in raw.get("apps", []):
            estate.add_app(build(App, item))
        return estate
