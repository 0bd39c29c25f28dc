"""The estates the sandbox can start with, built in code and the same every time."""

import base64
import hashlib
from typing import NamedTuple

from trunks.sandbox.records import Account, App, AssignedTrunk, Estate, InternalNumber, MasterTrunk

CLASSIC_SCOPES = ["sip_trunk:master", "account:master"]
_SIP = "sip_connected_audio"
GRANULAR_SCOPES = [
    "account:read:list_sub_accounts:master",
    "account:read:sub_account:master",
    "account:read:sub_account:admin",
    f"{_SIP}:read:trunks:master",
    f"{_SIP}:write:trunks:master",
    f"{_SIP}:delete:trunks:master",
    f"{_SIP}:read:settings:master",
    f"{_SIP}:update:settings:master",
    f"{_SIP}:read:numbers:master",
    f"{_SIP}:write:numbers:master",
    f"{_SIP}:delete:numbers:master",
    f"{_SIP}:read:callout_countries:master",
    f"{_SIP}:write:callout_countries:master",
    f"{_SIP}:delete:callout_countries:master",
    f"{_SIP}:read:internal_numbers:master",
    f"{_SIP}:write:internal_numbers:master",
    f"{_SIP}:delete:internal_numbers:master",
]
TRUNK_WRITE_SCOPE = f"{_SIP}:write:trunks:master"


def zoom_id(seed: str) -> str:
    """Return an id of the form Zoom gives accounts: 22 characters of base64url."""
    return base64.urlsafe_b64encode(hashlib.sha256(seed.encode()).digest()[:16]).decode().rstrip("=")


class DemoCredential(NamedTuple):
    """One set of credentials of the demo estate; worthless anywhere but in the sandbox."""

    name: str
    account_id: str
    client_id: str
    client_secret: str
    note: str


def _credential(key: str, name: str, account: str, note: str) -> DemoCredential:
    # The words say what they are, so that a secret scanner's finding is settled at a glance.
    return DemoCredential(
        name, zoom_id(account), f"sandbox-only-client-{key}", f"sandbox-only-not-a-secret-{key}", note
    )


NORTHWIND = _credential(
    "northwind", "Northwind Telecom", "northwind", "works; classic scopes; 4 master trunks"
)
CONTOSO = _credential(
    "contoso", "Contoso Carrier Services", "contoso", "works; granular scopes; 2 master trunks"
)
NO_SIP_SCOPE = _credential(
    "no-sip-scope", "Northwind, accounts only", "northwind", "lacks sip_trunk:master (400/4700)"
)
READ_ONLY = _credential("read-only", "Contoso, read only", "contoso", f"lacks {TRUNK_WRITE_SCOPE} (400/4711)")
NOT_A_MASTER = _credential("not-a-master", "Fabrikam Ltd", "fabrikam", "is not a master account")
NO_TRUNKS = _credential("no-trunks", "Tailspin Voice", "tailspin", "a master account without SIP trunks")
NO_PLAN = _credential("no-plan", "Wingtip Networks", "wingtip", "a master account without the SIP plan")
DEMO_CREDENTIALS = [NORTHWIND, CONTOSO, NO_SIP_SCOPE, READ_ONLY, NOT_A_MASTER, NO_TRUNKS, NO_PLAN]

_NORTHWIND_CUSTOMERS = """
Adatum Logistics; Alpine Ski House; Baldwin Museum of Science; Bellows College; Blue Yonder Airlines; City
Power & Light; Coho Winery; Consolidated Messenger; Müller & Söhne GmbH; Fincher Architects; First Up
Consultants; Fourth Coffee; Graphic Design Institute; Humongous Insurance; Lakeshore Dental Group; Lamna
Healthcare; Liberty's Delightful Bakery; Litware Hospitality; Lucerne Publishing; Margie's Travel; Munson's
Pickles; Nod Publishers; Olive Branch Veterinary; Parnell Aerospace; Proseware Legal; Relecloud; Riverside
Property Management; School of Fine Art; Southridge Video; Summit Ridge Credit Union; The Phone Company;
Trey Research; VanArsdel Motors; Wide World Importers; Woodgrove Bank; <b>Bold</b> Moves
<script>alert(1)</script> Ltd; =Equals Accounting; Unenrolled Media; Customer 7; Zinnia
Gardens
"""
_CONTOSO_CUSTOMERS = """
Apex Surveying; Best For You Organics; Cascade Freight; Delta Legal Partners; Evergreen Schools Trust; Fjord
Marine; Granite Peak Mining; Hillcrest Clinics; Ironbridge Engineering; Juniper Hotels; Kestrel Insurance;
Lindqvist & Ström AB
"""
TWO_TRUNK_CUSTOMER = "Woodgrove Bank"
UNENROLLED_CUSTOMER = "Unenrolled Media"


def _names(text: str) -> list[str]:
    return [" ".join(name.split()) for name in text.split(";")]


def sub_account(master_id: str, name: str, position: int) -> Account:
    """Return an ordinary sub account; `position` sets its number, seats and dates."""
    start = f"2024-{position % 12 + 1:02}-{position % 28 + 1:02}T09:30:00Z"
    return Account(
        id=zoom_id(f"{master_id}/{name}"),
        name=name,
        number=10_010_370_000 + position,
        account_type=("Pro", "Business", "Enterprise", "Education")[position % 4],
        owner_email=f"it-{position:04}@customer.example",
        seats=10 + position * 7 % 490,
        created_at=start,
        # Zoom sends an empty string where there is no start.
        subscription_start_time="" if position % 9 == 8 else start,
        master_id=master_id,
    )


def _master(credential: DemoCredential, number: int, *trunks: MasterTrunk, rate_plan: str = "pro") -> Account:
    return Account(
        id=credential.account_id,
        name=credential.name,
        number=number,
        account_type="API Partner",
        owner_email=f"owner@{credential.client_id.rsplit('-', 1)[-1]}.example",
        is_master=True,
        rate_plan=rate_plan,
        trunks=list(trunks),
        numbers=[f"1888555{number % 100:02}{last:02}" for last in range(10)],
        countries=["US", "CA"],
    )


def _app(credential: DemoCredential, scopes: list[str], kind: str) -> App:
    return App(
        credential.client_id,
        credential.client_secret,
        credential.account_id,
        list(scopes),
        kind,
        credential.name,
        credential.note,
    )


def _northwind() -> list[Account]:
    trunks = [
        MasterTrunk("268", "Northwind East primary", "203.0.113.10", "18888123"),
        MasterTrunk("281", "Northwind West primary", "203.0.113.20", "90001258"),
        # Ten digits: a master's own dnis has no limit, only its first five digits matter.
        MasterTrunk("305", "Northwind East secondary", "sip2.northwind.example", "1888812345"),
        MasterTrunk("342", "Northwind toll-free", "198.51.100.7", "90001900", "1800"),
    ]
    master = _master(NORTHWIND, 10_010_300_001, *trunks)
    subs = [
        sub_account(master.id, name, place)
        for place, name in enumerate(_names(_NORTHWIND_CUSTOMERS), start=1)
    ]
    for account in subs:
        account.sip_plan = account.name != UNENROLLED_CUSTOMER
        if account.name == TWO_TRUNK_CUSTOMER:
            account.assigned = [
                assigned(trunks[0], "4711", "18888451", "+14155550100"),
                assigned(trunks[1], "4712", "90001451"),
            ]
            account.internal_numbers = [
                InternalNumber(
                    "A26fhgdfg63", "+14155550100", "+1 415 555 0100", "US", 0, "Head office", "en-US"
                )
            ]
    return [master, *subs]


def assigned(trunk: MasterTrunk, own_id: str, dnis: str, caller_id: str = "") -> AssignedTrunk:
    """Return what a sub account holds after a master trunk was given to it."""
    return AssignedTrunk(
        own_id, trunk.id, trunk.name, trunk.sip_server_address, dnis, trunk.number_prefix, caller_id
    )


def _contoso() -> list[Account]:
    master = _master(
        CONTOSO,
        10_010_300_002,
        MasterTrunk("501", "Contoso core A", "192.0.2.50", "70003001"),
        MasterTrunk("502", "Contoso core B", "192.0.2.51", "70003002"),
        rate_plan="business",
    )
    names = _names(_CONTOSO_CUSTOMERS)
    return [master, *(sub_account(master.id, name, place) for place, name in enumerate(names, start=101))]


def demo_estate() -> Estate:
    """Return two master accounts with their customers, and callers that must be refused."""
    estate = Estate()
    estate.add(*_northwind(), *_contoso())
    tailspin, wingtip = _master(NO_TRUNKS, 10_010_300_004), _master(NO_PLAN, 10_010_300_005)
    wingtip.sip_plan = False
    fabrikam = Account(NOT_A_MASTER.account_id, NOT_A_MASTER.name, 10_010_300_003)
    estate.add(fabrikam, tailspin, sub_account(tailspin.id, "Tailspin Toys", 201))
    estate.add(wingtip, sub_account(wingtip.id, "Wingtip Toys", 202))
    read_only = [scope for scope in GRANULAR_SCOPES if scope != TRUNK_WRITE_SCOPE]
    for credential in (NORTHWIND, NOT_A_MASTER, NO_TRUNKS, NO_PLAN):
        estate.add_app(_app(credential, CLASSIC_SCOPES, "classic"))
    estate.add_app(_app(CONTOSO, GRANULAR_SCOPES, "granular"))
    estate.add_app(_app(NO_SIP_SCOPE, ["account:master"], "classic"))
    estate.add_app(_app(READ_ONLY, read_only, "granular"))
    return estate


def big_estate(n: int) -> Estate:
    """Return the demo estate with `n` further sub accounts under Northwind Telecom."""
    estate = demo_estate()
    estate.add(
        *(
            sub_account(NORTHWIND.account_id, f"Customer {place:05}", 1000 + place)
            for place in range(1, n + 1)
        )
    )
    return estate


def empty_estate() -> Estate:
    """Return the demo's callers and master accounts, without sub accounts."""
    estate = demo_estate()
    estate.accounts = {key: account for key, account in estate.accounts.items() if not account.master_id}
    return estate
