"""`make bench-latency`: from the click on approve to `done`, on an idle system."""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from django.db.models import Sum
from django.test import Client

from tests.bench.ground import Ground, ground
from tests.bench.standing import say
from trunks.compiled import Found, Param
from trunks.models import State, TrunkRequest, ZoomCall

CALLS = 3  # read the list, assign, read back
MOST_SECONDS = 20.0
REST_SECONDS = 2.1
LOOKS, LAST_LOOKS = 0.002, 0.0002


_DONE = Found(lambda: TrunkRequest.objects.filter(pk=Param("pk"), state=State.DONE))


class Latency(NamedTuple):
    """Seconds from the click to `done`; `floor` is what the latency alone comes to that Zoom is to have.

    `zoom` is what the calls of a request took Zoom by its own clock, from a call's arrival to its answer, and `calls`
    what they took as the client saw them.
    """

    p50: float
    p95: float
    floor: float
    zoom: float
    calls: float

    def __str__(self) -> str:
        def over(value: float) -> str:
            beyond = (f"+{(value - base) * 1000:.1f}" for base in (self.floor, self.zoom, self.calls))
            return f"{value * 1000:.1f} ms ({', '.join(beyond)})"

        bases = [f"{base * 1000:.1f} ms" for base in (self.floor, self.zoom, self.calls)]
        return (
            f"p50 {over(self.p50)}, p95 {over(self.p95)} over {CALLS} x L = {bases[0]},"
            f" what Zoom took by its own clock, {bases[1]}, and what the client saw, {bases[2]}"
        )


def latency(base: Ground, client: Client, count: int, zoom_seconds: float, *, rest: float = 0.0) -> Latency:
    """Approve `count` requests one after the other, each `rest` seconds after the one before is done."""
    base.delay(zoom_seconds, 0)
    filed = base.file(count)
    spent, zoom = zip(*(_one(base, client, pk, rest) for pk in filed), strict=True)
    p95 = statistics.quantiles(spent, n=20, method="inclusive")[-1]
    calls = ZoomCall.objects.filter(attempt__trunk_request__in=filed).values("attempt")
    took = calls.annotate(took=Sum("duration_ms")).values_list("took", flat=True).order_by()
    return Latency(
        p50=statistics.median(spent),
        p95=p95,
        floor=CALLS * zoom_seconds,
        zoom=statistics.median(zoom),
        calls=statistics.median(took) / 1000,
    )


def _one(base: Ground, client: Client, pk: int, rest: float) -> tuple[float, float]:
    """Click, wait for `done`, and return the seconds, and those that Zoom took.

    It looks at the row every 2 ms until Zoom has answered the last call, and then every 0.2 ms, by a kept statement: an
    ordinary one would take a processor half of the time, which the worker needs.
    """
    time.sleep(rest)
    page = f"/requests/TR-{pk:06d}/"
    version = re.search(r'name="version" value="(\d+)"', client.get(page).content.decode())
    base.sandbox.journal.clear()
    begun = time.monotonic()
    # As a browser sends a form without files; the test client would make many parts of it.
    form = urlencode({"comment": "", "version": version[1] if version else ""})
    answer = client.post(f"{page}approve/", form, content_type="application/x-www-form-urlencoded")
    if answer.status_code != 302:
        raise RuntimeError(f"approve answered {answer.status_code}")
    while not _DONE(pk=pk):
        if time.monotonic() - begun > MOST_SECONDS:
            raise RuntimeError(TrunkRequest.objects.get(pk=pk).state)
        time.sleep(LAST_LOOKS if _last_is_answered(base) else LOOKS)
    spent = time.monotonic() - begun
    return spent, sum(
        entry.milliseconds for entry in base.sandbox.journal.matching(path="/sip_trunk/")
    ) / 1000


def _last_is_answered(base: Ground) -> bool:
    calls = base.sandbox.journal.entries()
    return len(calls) >= CALLS and calls[-1].status is not None


def signed_in(base: Ground) -> Client:
    """Return a browser of the supervisor, in this process: what it costs is counted."""
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(base.people[1], backend="django.contrib.auth.backends.ModelBackend")
    return client


def main(folder: Path, arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--rest", type=float, default=REST_SECONDS, help="between requests: idle is idle")
    parser.add_argument("--latencies", type=float, nargs="*", default=[0.0, 0.1])
    options = parser.parse_args(arguments)
    with ground(folder, {}, sub_accounts=options.count * 3) as base:
        base.work(1, 2)
        client = signed_in(base)
        latency(base, client, 5, 0)  # the first ones load code, connect and get the token
        for seconds in options.latencies:
            found = latency(base, client, options.count, seconds, rest=options.rest)
            say(f"L = {seconds * 1000:.0f} ms, {options.count} requests: {found}")
