"""Keeping what is loaded once out of garbage collections, which would otherwise look at all of it each time."""

from __future__ import annotations

import gc

from django.urls import get_resolver


def settle() -> None:
    """Load what answers requests, and keep the collector from looking at anything that is there by now.

    With Django and its libraries in memory a collection of everything takes 50 ms, and whatever page is just being made
    waits for it.
    """
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()
