"""How long this thread has been kept from running: what it took for an answer to be noticed is not Zoom's time."""

from pathlib import Path

_SCHEDULER = Path("/proc/thread-self/schedstat")  # Linux; its second number is nanoseconds on the run queue


def waited() -> float:
    """Return the seconds for which this thread was ready to run and another had the processor; 0 where nobody tells."""
    try:
        return int(_SCHEDULER.read_bytes().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
