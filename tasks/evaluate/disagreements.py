"""Two candidates over whole nights, labelled only where they differ: the estimate is weighted back to the nights.

Where both say the same, no label can tell them apart; a small check there says how many violations both miss or both
flag wrongly, which the figures' scale needs. So some hundred labels settle what a random sample needs tens of
thousands for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tasks.evaluate.paired import DRAWS, Difference, Differences
from tasks.measure.intervals import quantile_interval

Draws = npt.NDArray[np.float64]


class Cell(NamedTuple):
    """The comments of one or more nights on which two candidates said this.

    Attributes:
        champion, challenger: whether each flags them.
        size: how many they are.
        labelled: how many of them a person has labelled, drawn at random or all of them.
        violations: how many of the labelled ones are violations.
    """

    champion: bool
    challenger: bool
    size: int
    labelled: int
    violations: int


def add_nights(nights: Iterable[Iterable[Cell]]) -> list[Cell]:
    """One cell for each pair of verdicts: the nights' counts added up."""
    totals: dict[tuple[bool, bool], list[int]] = {}
    for cell in (cell for night in nights for cell in night):
        counts = totals.setdefault((cell.champion, cell.challenger), [0, 0, 0])
        for place, count in enumerate((cell.size, cell.labelled, cell.violations)):
            counts[place] += count
    return [Cell(*verdicts, *counts) for verdicts, counts in sorted(totals.items())]


def weigh_back(cells: Iterable[Cell], seed: int) -> Differences:
    """F1, precision and recall of both candidates on nights like these, and their differences.

    The share of each cell is Dirichlet over the sizes, the share of violations in it Jeffreys' Beta over the labels:
    the interval holds what the labels leave open and what another night would bring.

    Args:
        cells: at most one for each pair of verdicts; each with labels, unless it is empty.
        seed: of the draws.

    Raises:
        ValueError: if a cell that has comments has no label, or counts that contradict each other.
    """
    cells = sorted(cell for cell in cells if cell.size)
    for cell in cells:
        if not 0 <= cell.violations <= cell.labelled <= cell.size or not cell.labelled:
            raise ValueError(f"{cell} needs at least one label, and no more labels than comments")
    random = np.random.default_rng(seed)
    sizes = np.array([cell.size for cell in cells], dtype=float)
    shares = random.dirichlet(sizes + 0.5, DRAWS) * sizes.sum()
    truth = np.column_stack(
        [random.beta(cell.violations + 0.5, cell.labelled - cell.violations + 0.5, DRAWS) for cell in cells]
    )
    point = np.array([cell.violations / cell.labelled for cell in cells])
    drawn = _figures(cells, shares, shares * truth)
    observed = _figures(cells, sizes[None, :], (sizes * point)[None, :])
    return Differences(*(_difference(*pair) for pair in zip(observed, drawn, strict=True)))


def _figures(cells: list[Cell], sizes: Draws, violations: Draws) -> list[tuple[Draws, Draws]]:
    """F1, precision and recall of champion and challenger, from sizes and violations of shape (draws, cells)."""
    total = violations.sum(axis=1)
    parts = []
    for flags in ([cell.champion for cell in cells], [cell.challenger for cell in cells]):
        hits, flagged = violations[:, flags].sum(axis=1), sizes[:, flags].sum(axis=1)
        parts.append((_share(2 * hits, flagged + total), _share(hits, flagged), _share(hits, total)))
    return list(zip(*parts, strict=True))


def _share(part: Draws, whole: Draws) -> Draws:
    shares: Draws = np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)
    return shares


def _difference(observed: tuple[Draws, Draws], drawn: tuple[Draws, Draws]) -> Difference:
    champion, challenger = float(observed[0][0]), float(observed[1][0])
    difference, gap = challenger - champion, drawn[1] - drawn[0]
    return Difference(champion, challenger, difference, quantile_interval(gap, gap).around(difference))
