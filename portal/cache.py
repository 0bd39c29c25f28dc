"""How values are written into the shared cache: as JSON, which holds data alone.

Django would pickle them, and whoever can write to Redis, which asks nobody for a password, could then run code in every
process that reads a value, and with it have the keys that Redis never holds.
"""

import json


class JsonSerializer:
    """Writes numbers as they are, so that Redis can count with them, and all else as JSON."""

    def dumps(self, value: object) -> int | bytes:
        # A truth value is an int to isinstance, and Redis knows none.
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, data: bytes) -> object:
        return json.loads(data)
