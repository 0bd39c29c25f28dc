"""The ZIP file of a CSV export: the table, its proof, and how to verify it; streamed, never whole in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings

# Found beside the code, in the checkout and in the image.
VERIFIER = settings.BASE_DIR / "docs" / "verify_export.py"
README = """events.csv        the events, as a spreadsheet opens them; times in UTC
proof.jsonl       how many there are, the first and the last, and the signed digests that cover them
public_keys.txt   the public keys; compare them with those that the portal's operator gave you by another way
verify_export.py  verifies events.csv without the portal:

    python3 -I verify_export.py events.csv --proof proof.jsonl --key "$(cat public_keys.txt)"

Verify the table before a spreadsheet saves it again: that writes dates and numbers in its own way. An apostrophe before
=, +, -, @ and their like was put there, so that nothing is run as a formula. Events that filters have picked out are
proven by an export of their days without filters; docs/audit-trust.md of the portal says what is proven and what not.
"""


def keys() -> str:
    """Return the public keys that count, one a line."""
    return "".join(f"{key.text}\n" for key in settings.AUDIT_PUBLIC_KEYS)


class _Pipe:
    """Takes what the archive writes, to be handed on; without `tell` and `seek`, so that it can only go forward."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.waiting.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Keep nothing back: there is nothing to do."""

    def close(self) -> None:
        """Stay open: it is drained once more at the end."""

    def drain(self) -> bytes:
        data, self.waiting = b"".join(self.waiting), []
        return data


def of_table(lines: Iterable[bytes], proof: Callable[[], bytes]) -> Iterator[bytes]:
    """Yield a ZIP file of a table and what verifies it, piece by piece; `proof` is asked for when all lines are out."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        with file.open("events.csv", "w", force_zip64=True) as table:
            for piece in lines:
                table.write(piece)
                yield pipe.drain()
        file.writestr("proof.jsonl", proof())
        file.writestr("public_keys.txt", keys())
        file.writestr("verify_export.py", VERIFIER.read_bytes())
        file.writestr("README.txt", README)
    yield pipe.drain()
