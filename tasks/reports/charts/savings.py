"""Price against recall: each policy, and each threshold of those that have one, with intervals; a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from data_contracts.documents.evaluation.savings import ReplayRow
from tasks.base.figures import dollars, percent
from tasks.reports.charts.drawing import load_library, round_ticks
from tasks.reports.charts.shapes import ROLES, clean

_WIDTH, _HEIGHT = 640, 400
#: Room around what is drawn, as a share of it.
_MARGIN = 0.06
_STYLE = (
    "svg{--ink:#1d2328;--soft:#5a646d;--line:#dfe1e3;--main:#2b62ad;--whisker:#5f8ac6;background:#fff;"
    "font:12px system-ui,sans-serif}"
    "@media (prefers-color-scheme:dark){svg{--ink:#e7eaec;--soft:#a3adb5;--line:#343a40;--main:#7fb0f0;"
    "--whisker:#5d82b8;background:#1d2125}}"
    "text,text.stroke,text.area{fill:var(--ink);stroke:none}.stroke{fill:none}.area{stroke:none}.axis{stroke:var(--soft)}.grid{stroke:var(--line)}"
    ".interval{stroke:var(--whisker)}.course{stroke:var(--main)}.expected.area{fill:var(--whisker)}"
    ".night.area{fill:var(--main)}"
)


def draw_savings(rows: Sequence[ReplayRow]) -> str:
    """An SVG file: a point a policy, named, with recall's interval; its other thresholds as a course of small points.

    Rows without a known price or a recall are left out.

    Args:
        rows: of one replay, each policy's together.
    """
    known = [row for row in rows if row.cost_per_1000_usd is not None and row.recall is not None]
    shipped = [row for row in known if row.is_shipped]
    description = "; ".join(
        f"{row.policy}: {dollars(row.cost_per_1000_usd)} per 1,000 comments, recall {percent(row.recall)} "
        f"({percent(row.recall_low)} to {percent(row.recall_high)})"
        for row in shipped
    )
    body = str(clean(_plot(known, shipped).to_svg(), "Price and recall of policies", description, "savings"))
    head, rest = body.split(">", 1)
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{_STYLE}</style>{rest}\n'


def _plot(known: Sequence[ReplayRow], shipped: Sequence[ReplayRow]) -> Any:
    lp = load_library()
    low, high = _ends([0.9, 1.0, *(end for row in shipped for end in (row.recall_low, row.recall_high))])
    dearest = max([row.cost_per_1000_usd or 0.0 for row in known], default=1.0) or 1.0
    plot = lp.ggplot() + _look(lp) + lp.ggsize(_WIDTH, _HEIGHT)
    for policy in dict.fromkeys(row.policy for row in known):
        course = [row for row in known if row.policy == policy and (row.recall or 0.0) >= low]
        if len(course) > 1:
            frame = {"price": [row.cost_per_1000_usd for row in course], "recall": [row.recall for row in course]}
            aes = lp.aes("price", "recall")
            plot += lp.geom_path(mapping=aes, data=frame, color=ROLES["course"], size=0.4)
            plot += lp.geom_point(mapping=aes, data=frame, color=ROLES["expected"], size=1.6)
    if shipped:
        for layer in _policies(lp, shipped):
            plot += layer
    prices, recalls = round_ticks(0.0, dearest * (1 + _MARGIN)), round_ticks(low, high)
    plot += lp.scale_x_continuous(
        "dollars per 1,000 comments",
        breaks=list(prices),
        labels=[f"${price:g}" for price in prices],
        limits=[-dearest * _MARGIN, dearest * (1 + 2 * _MARGIN)],
        expand=[0, 0],
    )
    return plot + lp.scale_y_continuous(
        "recall",
        breaks=list(recalls),
        labels=[f"{recall:.4g}" for recall in recalls],
        limits=[low, high],
        expand=[0, 0],
    )


def _policies(lp: Any, shipped: Sequence[ReplayRow]) -> list[Any]:
    """A point with its interval for each policy; policies that come to the same share one, with all their names."""
    places: dict[tuple[float | None, ...], list[str]] = {}
    for row in shipped:
        place = row.cost_per_1000_usd, row.recall, row.recall_low, row.recall_high
        places.setdefault(place, []).append(row.policy)
    price, recall, low, high = (list(column) for column in zip(*places, strict=True))
    names = [", ".join(found) for found in places.values()]
    frame: dict[str, list[Any]] = {"price": price, "recall": recall, "low": low, "high": high, "name": names}
    ranged, named = lp.aes("price", ymin="low", ymax="high"), lp.aes("price", "high", label="name")
    return [
        lp.geom_linerange(mapping=ranged, data=frame, color=ROLES["interval"], size=1.2),
        lp.geom_point(mapping=lp.aes("price", "recall"), data=frame, color=ROLES["night"], size=3.5),
        lp.geom_text(mapping=named, data=frame, color=ROLES["axis"], size=5, vjust=-0.6),
    ]


def _ends(values: Sequence[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    margin = (max(known) - min(known)) * _MARGIN
    return max(0.0, min(known) - margin), max(known) + 2 * margin


def _look(lp: Any) -> Any:
    blank, line = lp.element_blank(), lp.element_line(color=ROLES["axis"], size=0.4)
    return lp.theme_void() + lp.theme(
        axis_text=lp.element_text(size=12),
        axis_title=lp.element_text(size=12),
        axis_ticks=line,
        axis_line_x=line,
        panel_grid_major_y=lp.element_line(color=ROLES["grid"], size=0.4),
        legend_position="none",
        plot_background=blank,
        plot_margin=[8, 12, 8, 8],
    )
