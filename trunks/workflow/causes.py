"""The table of Zoom's errors: by kind, code and wording, with what each means for people.

The wordings are those of Zoom's API texts of 2021 to 2026 and of its developer forum. The first row that fits
counts, so that the particular stands before the general.
"""

from __future__ import annotations

from trunks.workflow.explanations import (
    ACCOUNT_MISSING,
    ADMINISTRATOR,
    AFTERWARDS,
    BY_ITSELF,
    NEVER,
    NOBODY,
    PLANS,
    REQUESTER,
    UNKNOWN,
    ZOOM,
    Explanation,
    row,
)
from trunks.zoom import errors

_WAIT = ("The portal tries again by itself.", NOBODY, BY_ITSELF)
_DAILY = ("It ends when Zoom says, or else at midnight UTC. Then the portal tries again.", NOBODY, BY_ITSELF)
_CONNECT = "Check account id, client id and client secret, and that the app is activated; then connect again."
_KEYS = ("Put the right FIELD_ENCRYPTION_KEYS back, or connect again.", ADMINISTRATOR, AFTERWARDS)
_ACTIVATE = "Activate the app at Zoom, or make a new one; then connect again."
_REPORT = "Show this to whoever runs the portal: it sent something that Zoom does not accept."
_MASTER = "Check that the account has the API Partner plan and that the app belongs to it."

NETWORK = (
    row("not_sent", "Zoom cannot be reached; nothing was sent.", *_WAIT, kind=errors.NotSent),
    row("no_answer", "Zoom did not answer in time.", *_WAIT, kind=errors.NoAnswer),
    row("server_error", "Zoom has an internal problem.", *_WAIT, kind=errors.ServerError),
    row("unreadable", "Zoom's answer could not be understood.", *_WAIT, kind=errors.Unreadable),
    row(
        "redirected",
        "Zoom's address answered with a redirection, which the portal does not follow.",
        "Check ZOOM_API_URL and ZOOM_OAUTH_URL.",
        ADMINISTRATOR,
        AFTERWARDS,
        kind=errors.Redirected,
    ),
)

RATE = (
    row("held_back", "Zoom is busy; nothing was sent.", *_WAIT, kind=errors.HeldBack),
    row(
        "rate_user",
        "Zoom's daily limit for one user is reached.",
        *_DAILY,
        kind=errors.RateLimited,
        words="permitted for this particular user",
    ),
    row(
        "rate_concurrent",
        "Zoom is still busy with another change of the same account.",
        *_WAIT,
        kind=errors.RateLimited,
        words="too many concurrent requests",
    ),
    row(
        "rate_daily",
        "Zoom's daily limit for this kind of call is reached.",
        *_DAILY,
        kind=errors.RateLimited,
        words="daily",
    ),
    row("rate", "Zoom's rate limit is reached.", *_WAIT, kind=errors.RateLimited),
)

APP = (
    row("secret_lost", "The stored client secret cannot be read.", *_KEYS, kind=errors.SecretUnreadable),
    row("token_replaced", "Zoom refused the token; there is a new one.", *_WAIT, kind=errors.TokenReplaced),
    row(
        "client_wrong",
        "Zoom refuses the portal's credentials: the client id or the client secret is wrong.",
        _CONNECT,
        ADMINISTRATOR,
        AFTERWARDS,
        kind=errors.CredentialsRefused,
        words="invalid client_id or client_secret|client ID or the client secret is wrong",
    ),
    row(
        "app_kind",
        "Zoom refuses the portal's credentials: the app is not a server-to-server OAuth app.",
        "Make an app of that kind and connect again with its credentials.",
        ADMINISTRATOR,
        AFTERWARDS,
        kind=errors.CredentialsRefused,
        words="unsupported grant type|not a server-to-server OAuth app",
    ),
    row(
        "token_request",
        "Zoom refuses the portal's credentials: the account id may be wrong.",
        _CONNECT,
        ADMINISTRATOR,
        AFTERWARDS,
        kind=errors.CredentialsRefused,
        words="does not accept the token request",
    ),
    row(
        "app_disabled",
        "The app at Zoom is switched off or deleted.",
        _ACTIVATE,
        ADMINISTRATOR,
        AFTERWARDS,
        codes=(4717,),
    ),
    row(
        "token_disabled",
        "An administrator at Zoom has disabled the portal's access token.",
        _ACTIVATE,
        ADMINISTRATOR,
        AFTERWARDS,
        codes=(4738,),
    ),
    row(
        "token_revoked",
        "Zoom has revoked the portal's access token.",
        "Connect again. If it comes back, another program may be using the same app.",
        ADMINISTRATOR,
        AFTERWARDS,
        codes=(4740, 4741),
    ),
    row(
        "rest_disabled",
        "The app at Zoom is of a kind that may no longer use the API.",
        "Make a server-to-server OAuth app and connect again with its credentials.",
        ADMINISTRATOR,
        AFTERWARDS,
        words="not enabled? REST API",
    ),
    row(
        "token_expired",
        "Zoom says that the access token has expired, although the portal has just asked for a new one.",
        "Check that no other program renews the token of the same app; then connect again.",
        ADMINISTRATOR,
        AFTERWARDS,
        kind=errors.CredentialsRefused,
        words="access token is expired",
    ),
    row(
        "credentials",
        "Zoom refuses the portal's credentials for this master account.",
        # It says so of calls as well that the app may not make.
        "Check account id, client id and secret, that the app is activated and has its scopes; then connect again.",
        ADMINISTRATOR,
        AFTERWARDS,
        kind=errors.CredentialsRefused,
    ),
    row(
        "scope",
        "The app at Zoom lacks a scope.",
        "Add it to the app at Zoom; a scope that was just added can take some minutes to count.",
        ADMINISTRATOR,
        AFTERWARDS,
        kind=errors.ScopeMissing,
    ),
)

ACCOUNT = (
    row(
        ACCOUNT_MISSING,
        "Zoom does not know this account, or it does not belong to this master account.",
        "Read the estate again; the sub account may have been closed or moved.",
        ADMINISTRATOR,
        NEVER,
        kind=errors.AccountNotFound,
    ),
    row(
        "sub_account_plan",
        "The sub account has no SIP trunk plan.",
        "Buy the SIP Connected Audio plan for the sub account at Zoom, then try again.",
        PLANS,
        AFTERWARDS,
        kind=errors.NotEnrolled,
        words="no sip trunk plan",
    ),
    row(
        "plan",
        "The account is not enrolled in the SIP Connected Audio plan.",
        "Buy the plan for the account at Zoom, then try again.",
        PLANS,
        AFTERWARDS,
        kind=errors.NotEnrolled,
    ),
    row(
        "not_own",
        "Zoom says that this is not the master account of this sub account.",
        _MASTER,
        ADMINISTRATOR,
        AFTERWARDS,
        kind=errors.NotMaster,
        words="does not have the permission",
    ),
    row(
        "not_master",
        "Zoom says that this is not a master account, or not the master of this sub account.",
        _MASTER,
        ADMINISTRATOR,
        AFTERWARDS,
        kind=errors.NotMaster,
    ),
    row(
        "no_trunks",
        "The master account has no SIP trunks at Zoom.",
        "Ask Zoom to provision them; they cannot be made through the API.",
        ZOOM,
        AFTERWARDS,
        kind=errors.NoTrunkConfigs,
    ),
)

CONTENT = (
    row(
        "trunk_value",
        "Zoom does not accept a value, and does not say which.",
        "Look at the DNIS, the trunk and the caller ID; file a request with others.",
        REQUESTER,
        NEVER,
        words=r"invalid parameter: sip_trunks",
    ),
    row(
        "countries",
        "Zoom does not accept the list of call-out countries.",
        "Look at the countries' two-letter codes.",
        REQUESTER,
        NEVER,
        words=r"invalid parameter: callout_countries",
    ),
    row(
        "numbers_value",
        "Zoom does not accept an internal number, and does not say which.",
        "Look at number, country, type and languages.",
        REQUESTER,
        NEVER,
        words=r"invalid parameter: internal_numbers",
    ),
    row(
        "numbers_many",
        "The account has as many phone numbers as Zoom lets it have.",
        "Remove a number at Zoom, or ask Zoom for more.",
        ZOOM,
        AFTERWARDS,
        words="assign a maximum of",
    ),
    row(
        "number_used",
        "The number is in use already.",
        "Choose another number.",
        REQUESTER,
        NEVER,
        words="has already been used",
    ),
    row(
        "number_foreign",
        "The number does not belong to the master account.",
        "Choose one of the master account's numbers.",
        REQUESTER,
        NEVER,
        words="number does not belong to master account",
    ),
    row("not_json", "Zoom could not read what was sent.", _REPORT, ADMINISTRATOR, NEVER, words="valid JSON"),
    row(
        "validation",
        "Zoom does not accept a field; its words name it.",
        "Look at the DNIS, the trunk and the caller ID; file a request with others.",
        REQUESTER,
        NEVER,
        kind=errors.InvalidParameter,
    ),
    row(
        "page_token",
        "Reading the list took longer than Zoom keeps its place in it.",
        *_WAIT,
        words="next page token is invalid or expired",
    ),
    row(
        "user_missing",
        "Zoom does not know a user.",
        "Check at Zoom that the account's owner, in whose name the app acts, still exists.",
        ADMINISTRATOR,
        AFTERWARDS,
        codes=(1001,),
    ),
    row(
        "pay_mode",
        "Zoom does not let the account's pay mode be changed.",
        "Ask Zoom.",
        ZOOM,
        NEVER,
        words="pay mode cannot be updated",
    ),
)

TABLE = (*NETWORK, *RATE, *APP, *ACCOUNT, *CONTENT)
OTHER = Explanation(UNKNOWN, "Zoom refused the call.", "Read Zoom's own words.", ADMINISTRATOR, NEVER)
