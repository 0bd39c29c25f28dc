"""The archive of a table: the table itself, what proves it, and how; made while it leaves, never whole in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator

README = """events.csv   the events, as a spreadsheet opens them; times in UTC
proof.jsonl  how many there are, the first and the last, and the signed digests that cover them

An apostrophe before =, +, -, @ and their like was put there, so that nothing is run as a formula. The columns
`previous` and `hash` tie each event to the one before; docs/audit-trust.md of the portal says what that proves. The
same events as JSON Lines can be verified by a program that needs no portal.
"""


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


def of_table(lines: Iterable[bytes], proof: bytes) -> Iterator[bytes]:
    """Yield a ZIP file of a table and its proof, piece by piece."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        with file.open("events.csv", "w", force_zip64=True) as table:
            for piece in lines:
                table.write(piece)
                yield pipe.drain()
        file.writestr("proof.jsonl", proof)
        file.writestr("README.txt", README)
    yield pipe.drain()
