"""Records of calls to Zoom, for what is told of them."""

from datetime import UTC, datetime

from trunks.zoom.types import Call, Label


def made(
    label: Label, left: float, heard: float | None, *, method: str = "GET", status: int | None = 200
) -> Call:
    """Return the record of a call that left and was answered at these moments, or never."""
    return Call(
        method=method,
        path="/accounts",
        label=label,
        status=status,
        tracking_id="",
        started_at=datetime.now(UTC),
        duration_ms=900,
        request_body=None,
        answer="",
        error="",
        left=left,
        heard=heard,
    )
