"""Which account a call addresses, and whether the caller may."""

from trunks.sandbox import errors
from trunks.sandbox.exchange import Context
from trunks.sandbox.records import Account
from trunks.sandbox.world import World


def own_or_sub(world: World, context: Context) -> Account:
    """Return the account of the path: `me`, or a sub account of the caller; raises 404/2001."""
    if context.variables["account_id"] == "me":
        return context.caller
    return sub(world, context)


def sub(world: World, context: Context) -> Account:
    """Return the sub account of the path; raises 404/2001 for any other, the caller's own included."""
    account_id = context.variables["account_id"]
    account = _direct_sub(world, context)
    if account is None:
        raise errors.no_account(account_id)
    return account


def sub_or_not_yours(world: World, context: Context) -> Account:
    """Return the sub account of the path; raises 404/2001 in the wording of settings and numbers."""
    account = _direct_sub(world, context)
    if account is not None:
        return account
    message = errors.NOT_THIS_MASTERS if context.caller.is_master else errors.NOT_YOURS
    raise errors.refusal(404, 2001, message)


def _direct_sub(world: World, context: Context) -> Account | None:
    account = world.estate.accounts.get(context.variables["account_id"])
    return account if account is not None and account.master_id == context.caller.id else None


def enrolled(*accounts: Account) -> None:
    """Raise 300 unless every account has the SIP Connected Audio plan."""
    if not all(account.sip_plan for account in accounts):
        raise errors.bad_request(errors.EN)


def has_plan(account: Account) -> None:
    """Raise 2100, the same fact in the wording of settings and numbers."""
    if not account.sip_plan:
        raise errors.refusal(400, 2100, errors.NO_PLAN)


def as_master(world: World, context: Context) -> Account:
    """Return `me` or a sub account, for calls that only a master account may make."""
    if not context.caller.is_master:
        is_own = context.variables["account_id"] == "me"
        raise errors.bad_request(errors.NM if is_own else errors.NP)
    account = own_or_sub(world, context)
    enrolled(context.caller, account)
    return account
