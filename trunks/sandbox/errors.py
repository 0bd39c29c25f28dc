"""Zoom's refusals, word for word where a wording is public.

The wordings come from Zoom's API definition and its pages on errors, rate limits and pagination. Those
marked as guesses answer cases for which nothing was published.
"""

from typing import Any

EN = "Request failed because this account is not enrolled in SIP Connected Audio plan."
NP = (
    "Your account does not have the permission to make updates on this account. "
    "Only a master account can perform this action on a sub account."
)
NM = (
    "This account is not a master account. To get access to this API, your account must be enrolled in "
    "the API Partner Plan and must be a master account."
)
NOT_THIS_MASTERS = "This account does not exist or does not belong to this master account."
NOT_YOURS = "This account does not exist or does not belong to you."
NO_TRUNKS = "The master account has no sip trunk configs."
NO_PLAN = "This sub account has no sip trunk plan."
FOREIGN_NUMBER = "This number does not belong to master account."
NUMBER_USED = (
    "The value you provided for the ‘number’ field has already been used. "  # noqa: RUF001 - Zoom's own quotes
    "Please provide a unique value for this field."
)
BAD_JSON = "Request Body should be a valid JSON object."
BAD_PAGE_TOKEN = "The next page token is invalid or expired."  # noqa: S105 - a message
TOKEN_INVALID = "Invalid access token."  # noqa: S105 - a message
TOKEN_EXPIRED = "Access token is expired."  # noqa: S105 - a message
QPS = "You have reached the maximum per-second rate limit for this API. Try again later."
DAILY = (
    "You have reached the maximum daily rate limit for this API. "
    "Refer to the response header for details on when you can make another request."
)
# Zoom's own example of parallel work on one resource; a wording for trunks is not public.
CONCURRENT = "Too many concurrent requests. A request to disassociate this user has already been made."


class Refusal(Exception):
    """An answer that is not a success: HTTP status, JSON body, further headers."""

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        """Keep what the answer will carry."""
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = headers or {}


def refusal(status: int, code: int, message: str, **headers: str) -> Refusal:
    """Return a refusal in the API's shape; the token endpoint has another one."""
    return Refusal(status, {"code": code, "message": message}, headers)


def no_account(account_id: str) -> Refusal:
    """Return 404/2001 for an account that is not there, or not the caller's."""
    return refusal(404, 2001, f"Account does not exist: {account_id}.")


def bad_request(message: str) -> Refusal:
    """Return 400/300, Zoom's one code for nine causes."""
    return refusal(400, 300, message)


def invalid_parameter(name: str) -> Refusal:
    """Return 400/300 for a body that has the right shape and a wrong content."""
    return bad_request(f"Invalid parameter: {name}.")


def invalid_fields(*fields: str) -> Refusal:
    """Return 400/300 for values of the wrong type, length or count, naming each field."""
    errors = [{"field": name, "message": "Invalid field."} for name in fields]
    return Refusal(400, {"code": 300, "message": "Validation Failed.", "errors": errors})


def unknown_trunk(status: int) -> Refusal:
    """Return a guess: no text says what deleting an unknown trunk answers."""
    return refusal(status, 300, "Invalid parameter: trunkId.")


def token_refused(error: str, reason: str) -> Refusal:
    """Return 400 in the token endpoint's own shape."""
    return Refusal(400, {"reason": reason, "error": error})
