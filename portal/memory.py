"""Keeping what is loaded once out of garbage collections, which would otherwise look at all of it each time."""

from __future__ import annotations

import gc

from django.urls import get_resolver

NEW_OBJECTS = 10_000  # of 700, 10,000, 20,000 and 50,000 the one with the least time and the shortest pauses


def settle() -> None:
    """Load what answers requests, and keep the collector from looking at anything that is there by now.

    With Django and its libraries in memory a collection of everything takes 50 ms, and whatever page is just being made
    waits for it.
    """
    _ = get_resolver().url_patterns
    gc.collect()
    keep_apart()


def keep_apart() -> None:
    """Keep the collector off what is in memory by now, and have it look at what comes less often.

    A page leaves some hundred objects in cycles. Looking for those whenever 700 are there, as Python does by default,
    is a tenth of a page's time; with many more a single look takes longer than the page.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
