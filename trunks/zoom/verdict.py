"""From an HTTP answer to the error it means: by status, code and message, as none of them suffices.

Zoom uses code 300 for at least six causes that only the message tells apart, reports a missing account under
400, 401 and 404, hides errors in HTTP 200, and writes scope errors as broken JSON. The wordings are those of
Zoom's API texts of 2021 to 2026 and of its developer forum.
"""

import json
import re
from dataclasses import dataclass, field, replace
from html import unescape

from trunks.zoom.errors import (
    AccountNotFound,
    CredentialsRefused,
    Details,
    InvalidParameter,
    NoAnswer,
    NotEnrolled,
    NotMaster,
    NoTrunkConfigs,
    RateLimited,
    Redirected,
    Refused,
    ScopeMissing,
    ServerError,
    Unreadable,
    ZoomError,
)
from trunks.zoom.retry_after import retry_at
from trunks.zoom.wire import Answer, Errand, clean

_WORDS_AT_MOST = 2_000
_PAGE_AT_MOST = 8_000
_SHOWN_AT_MOST = 300
_UNSEEN = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title\b[^>]*>\s*([^<\s].*?)(?:</title|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*(?:>|\Z)")
_TOO_LARGE = 10**18
_SUCCESSES = {"", "ok", "success", "created", "accepted"}
_SCOPES = {104, 4700, 4711}
_CREDENTIALS = {124, 4717, 4738, 4741}
_ACCOUNT_MISSING = re.compile(r"account does not exist", re.IGNORECASE)
_REST_DISABLED = re.compile(r"not enabled? REST API", re.IGNORECASE)
_PLACE_LOST = re.compile(r"next page token is invalid or expired", re.IGNORECASE)
_PARAMETER = re.compile(r"invalid parameter\b|^validation failed|^request body should", re.IGNORECASE)
_CODE_300: list[tuple[re.Pattern[str], type[ZoomError]]] = [
    (re.compile(r"not enrolled in SIP Connected Audio", re.IGNORECASE), NotEnrolled),
    (re.compile(r"no sip trunk plan", re.IGNORECASE), NotEnrolled),
    (re.compile(r"does not have the permission|not a master account", re.IGNORECASE), NotMaster),
    (re.compile(r"no sip trunk configs", re.IGNORECASE), NoTrunkConfigs),
]


@dataclass(frozen=True)
class Complaint:
    """What an error body says: Zoom's code, its words and the fields it names."""

    code: int | None = None
    message: str = ""
    fields: dict[str, str] = field(default_factory=dict)


def error_of(answer: Answer, errand: Errand) -> ZoomError | None:
    """Return the error that an answer of the API means, or None for a success.

    The errors that leave a write in doubt say so; see `errors`.
    """
    if 200 <= answer.status < 300:
        complaint = _complaint_in_success(answer)
        return _refusal(answer, errand, complaint) if complaint else None
    return by_status(answer, errand) or _refusal(answer, errand, _said_in(answer.text))


def by_status(answer: Answer, errand: Errand) -> ZoomError | None:
    """Return the error that the status alone decides; None for most of 4xx. Not to be asked about 2xx."""
    complaint = complaint_of(answer.text)
    details = _details(answer, errand, complaint)
    doubt = details | Details(might_have_happened=errand.write)
    status = answer.status
    if status == 429:
        return _rate_limited(answer, complaint, details)
    if 300 <= status < 400:
        location = clean(answer.headers.get("Location", ""))
        return Redirected(location, location=location, **doubt)
    if status == 408:
        return NoAnswer(complaint.message, **doubt)
    if 500 <= status < 600:
        return ServerError(complaint.message, **doubt)
    if not 400 <= status < 500:
        return Unreadable("unexpected HTTP status", **doubt)
    return None


def unreadable(answer: Answer, errand: Errand, why: str) -> Unreadable:
    """Return the error for a 2xx that is not what was agreed."""
    return Unreadable(
        why,
        doing=errand.doing,
        status=answer.status,
        tracking_id=answer.tracking_id,
        might_have_happened=errand.write,
    )


def _details(answer: Answer, errand: Errand, complaint: Complaint) -> Details:
    return Details(
        doing=errand.doing, status=answer.status, code=complaint.code, tracking_id=answer.tracking_id
    )


def _complaint_in_success(answer: Answer) -> Complaint | None:
    """Return the error that hides in a 2xx; "code" 0 and the codes of HTTP's own successes are none.

    Zoom's codes are numbers; one in words, or words of an error without any code, is what nobody knows.
    """
    body = parsed(answer.text)
    # Rows are an answer, whatever stands beside them; an empty list beside a complaint is empty because Zoom failed.
    if answer.cut or not isinstance(body, dict) or body.get("sip_trunks") or body.get("accounts"):
        return None
    complaint = _complaint(body)
    if not complaint.message:
        return None
    if complaint.code is None:
        return complaint if _fails_in_words(body) else None
    harmless = 200 <= complaint.code < 300 and not _REST_DISABLED.search(complaint.message)
    return None if harmless or complaint.code == 0 else complaint


def _fails_in_words(body: dict[str, object]) -> bool:
    words = [body.get(key) for key in ("error_message", "error")]
    code = body.get("code")
    failure = isinstance(code, str) and code.strip().lower() not in _SUCCESSES
    return failure or any(isinstance(word, str) and word for word in words)


def _refusal(answer: Answer, errand: Errand, complaint: Complaint) -> ZoomError:
    """Return the error for a definite no; the order matters, since wordings are more telling than codes."""
    code, message = complaint.code, complaint.message
    details = _details(answer, errand, complaint)
    if code == 429:
        return _rate_limited(answer, complaint, details)
    if code == 2001 or _ACCOUNT_MISSING.search(message):
        return AccountNotFound(message, **details)
    if code in _SCOPES or "does not contain scopes" in message:
        return ScopeMissing(message, scopes=_scopes(message), **details)
    if answer.status == 401 or code in _CREDENTIALS or _REST_DISABLED.search(message):
        return CredentialsRefused(message, **details)
    if code == 2100:
        return NotEnrolled(message, **details)
    for pattern, error in _CODE_300:
        if pattern.search(message):
            return error(message, **details)
    if complaint.fields or _PARAMETER.search(message):
        return InvalidParameter(message, fields=complaint.fields, **details)
    return _refused(answer, errand, complaint, details)


def _refused(answer: Answer, errand: Errand, complaint: Complaint, details: Details) -> Refused:
    """Return the error for words that no other error stands for."""
    if _PLACE_LOST.search(complaint.message):
        # Reading from the beginning gets a new token.
        details |= Details(retryable=not errand.write)
    elif answer.status < 300 and complaint.code != 300 and not 400 <= (complaint.code or 0) < 500:
        # The status says yes, the body what nobody knows, such as trouble of Zoom's own: that is no definite no.
        details |= Details(retryable=not errand.write, might_have_happened=errand.write)
    elif complaint.code is None and parsed(answer.text) is ...:
        # The page of a proxy, say: nobody at Zoom has spoken, and another reading may get through.
        details |= Details(retryable=not errand.write)
    return Refused(complaint.message, **details)


def _rate_limited(answer: Answer, complaint: Complaint, details: Details) -> RateLimited:
    headers = answer.headers
    daily = "daily" in complaint.message.lower() or "daily" in headers.get("X-RateLimit-Type", "").lower()
    return RateLimited(
        complaint.message,
        retry_at=retry_at(headers.get("Retry-After", ""), daily=daily, date=headers.get("Date", "")),
        daily=daily,
        limit=number(headers.get("X-RateLimit-Limit")),
        remaining=number(headers.get("X-RateLimit-Remaining")),
        category=clean(headers.get("X-RateLimit-Category", ""))[:40],
        **details,
    )


def _scopes(message: str) -> tuple[str, ...]:
    """Return the scopes that a message names, as in `contain scopes:["a","b"]` or `scopes:[a, b]`."""
    _, _, named = message.partition("scopes")
    return tuple(re.findall(r"[a-z_]+(?::[a-z_]+)+", named))


def complaint_of(text: str) -> Complaint:
    """Read an error body; of one that is not JSON, whatever can be recognised."""
    body = parsed(text)
    if isinstance(body, dict):
        return _complaint(body)
    # Scope errors hold unescaped quotes (forum 115792), so the JSON is broken but its shape is known.
    start = text[:_WORDS_AT_MOST].strip()
    code = re.search(r'"code"\s*:\s*"?(\d{1,9})\b', start)
    message = re.search(r'"(?:error_)?message"\s*:\s*"(.*?)"?\s*}?$', start, re.DOTALL)
    return Complaint(code=int(code[1]) if code else None, message=message[1] if message else _plain(text))


def _said_in(text: str) -> Complaint:
    """Read the body of a refusal; of JSON without words in any known place, the whole is what Zoom has said."""
    complaint, body = complaint_of(text), parsed(text)
    if complaint.message or not isinstance(body, dict):
        return complaint
    more = any(value for key, value in body.items() if key != "code")
    return replace(complaint, message=_plain(text)) if more else complaint


def _plain(text: str) -> str:
    """Return the first words of a text; of a page of HTML, as a proxy sends, its title, or else what it shows."""
    start = text[:_PAGE_AT_MOST].strip()
    if start.startswith("<"):
        page = _UNSEEN.sub(" ", start)
        title = _TITLE.search(page)
        start = unescape(_TAG.sub(" ", title[1] if title else page))
    return clean(" ".join(start.split())[:_SHOWN_AT_MOST])


def _complaint(body: dict[str, object]) -> Complaint:
    # The token endpoint says "reason" and "error" instead (OAuth "error_description"), and some calls "error_message".
    words = [body.get(key) for key in ("message", "error_message", "reason", "error_description", "error")]
    message = next((clean(word) for word in words if isinstance(word, str) and word), "")[:_WORDS_AT_MOST]
    return Complaint(number(body.get("code")), message, _fields(body.get("errors"), message))


def _fields(errors: object, message: str) -> dict[str, str]:
    if parameter := re.search(r"invalid parameter:\s*([\w.\[\]-]+?)\.?$", message, re.IGNORECASE):
        return {parameter[1]: message}
    rows = errors if isinstance(errors, list) else []
    pairs = [(row.get("field"), row.get("message")) for row in rows if isinstance(row, dict)]
    return {clean(name): clean(str(words or "")) for name, words in pairs if isinstance(name, str)}


def parsed(text: str) -> object:
    """Return the JSON value of a text, or Ellipsis when it is none (null is a value)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return ...


def number(value: object) -> int | None:
    """Return a whole number that Zoom wrote as a number or as text; None for anything else, and for what no code is.

    A database holds 64 bits, and a number that it refuses would be an error of ours in the middle of a call.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < _TOO_LARGE else None
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value) else None
