"""An authenticator app, for tests: RFC 6238 with the parameters that all apps use."""

import base64
import hashlib
import hmac
import time

PERIOD = 30
SECONDS_TO_TYPE = 5


def code(secret: str, at: float | None = None) -> str:
    """Return the six digits that the app shows at that time (unless given: now, with some seconds left to use them)."""
    if at is None and (left := PERIOD - time.time() % PERIOD) < SECONDS_TO_TYPE:
        time.sleep(left)
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    counter = int((time.time() if at is None else at) // PERIOD)
    digest = hmac.new(key, counter.to_bytes(8, "big"), hashlib.sha1).digest()
    place = digest[-1] & 15
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
