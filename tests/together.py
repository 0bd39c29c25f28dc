"""Several people, or workers, at the same time: each in a thread with a database connection of its own."""

import threading
from collections.abc import Callable
from typing import TypeVar

from django.db import connection

Result = TypeVar("Result")


def together(*calls: Callable[[], Result], seconds: float = 60.0) -> list[Result | Exception]:
    """Let all `calls` begin at once and return, in their order, what each returned or raised.

    Only for tests with real transactions (`transaction=True`): other connections see nothing but commits.
    """
    results: list[Result | Exception | None] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(place: int, call: Callable[[], Result]) -> None:
        try:
            start.wait(seconds)
            results[place] = call()
        except Exception as error:  # noqa: BLE001  # handed to the test, which says what it expects
            results[place] = error
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=pair, name=f"together-{pair[0]}", daemon=True)
        for pair in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    return results  # type: ignore[return-value]  # every place has been filled by its thread
