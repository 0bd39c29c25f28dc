"""GET /accounts and GET /accounts/{accountId}."""

from typing import Any

from trunks.sandbox import auth, errors, paging
from trunks.sandbox.exchange import Answer, Context, json_answer
from trunks.sandbox.operations import access
from trunks.sandbox.records import Account
from trunks.sandbox.world import World

_MOST_PAGES = 999_999_999
_SHARES = ("share_mc", "share_rc", "resource_share_mc", "resource_share_mh")
_CONNECTORS = (
    "meeting_connector_list",
    "room_connector_list",
    "resource_meeting_hybrid_list",
    "resource_meeting_connector_list",
)


def list_sub_accounts(world: World, context: Context) -> Answer:
    """Answer one page of the caller's sub accounts, in the order they were created."""
    if not context.caller.is_master:
        # A guess: the text lists no error for this.
        raise errors.bad_request(errors.NM)
    query = context.call.query
    selected = _selected(world, context, query)
    size = paging.page_size(query)
    number = paging.whole_number(query, "page_number", 1, _MOST_PAGES)
    shown, token = paging.page(
        selected, query, f"accounts/{context.caller.id}", world.clock, (number - 1) * size
    )
    return json_answer(
        200,
        {
            "page_count": -(-len(selected) // size),
            "page_number": number,
            "page_size": size,
            "total_records": len(selected),
            "next_page_token": token,
            "accounts": [_row(world.seen(account)) for account in shown],
        },
    )


def _selected(world: World, context: Context, query: dict[str, str]) -> list[Account]:
    master_id = query.get("sub_reseller_id") or context.caller.id
    reseller = world.estate.accounts.get(master_id)
    if reseller is None or context.caller.id not in {reseller.id, reseller.master_id}:
        raise errors.no_account(master_id)
    wanted = [("email", "owner_email"), ("phone_number", "owner_phone")]
    return [
        account
        for account in world.estate.sub_accounts(master_id)
        if all(not query.get(name) or getattr(account, key) == query[name] for name, key in wanted)
    ]


def _row(account: Account) -> dict[str, Any]:
    row = {
        "id": account.id,
        "account_name": account.name,
        "account_number": account.number,
        "account_type": account.account_type,
        "owner_email": account.owner_email,
        "seats": account.seats,
        "created_at": account.created_at,
        "subscription_start_time": account.subscription_start_time,
        "reseller": account.reseller,
        "bulk_license": False,
    }
    if account.subscription_end_time:
        row["subscription_end_time"] = account.subscription_end_time
    return row


def get_account(world: World, context: Context) -> Answer:
    """Answer one sub account, or with `me` the caller; the two need different granular scopes."""
    level = "admin" if context.variables["account_id"] == "me" else "master"
    auth.require_scope(context.app, ("account:master",), (f"account:read:sub_account:{level}",))
    try:
        account = world.seen(access.own_or_sub(world, context))
    except errors.Refusal as refused:
        # This one text ends without a full stop.
        raise errors.refusal(404, 2001, refused.body["message"].rstrip(".")) from None
    row = _row(account)
    del row["bulk_license"]
    options: dict[str, Any] = dict.fromkeys(_SHARES, False) | {name: [] for name in _CONNECTORS}
    options |= {"billing_auto_renew": True, "pay_mode": "master" if account.master_id else "sub"}
    owner = f"{account.id[:10]}_owner"
    return json_answer(200, row | {"options": options, "owner_id": owner, "vanity_url": ""})
