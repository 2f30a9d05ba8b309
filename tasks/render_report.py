"""A night's report: one HTML page that opens anywhere, without the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.close_night import Night


def render_report(night: Night) -> str:
    """The page for one night."""
    return f"<html>{night.run_date}</html>"
