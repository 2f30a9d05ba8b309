"""Labels where two candidates differ, weighted back to the night: unbiased, and few are enough."""

from __future__ import annotations

import pytest

from tasks.evaluate.disagreements import Cell, add_nights, weigh_back


def test_fully_labelled_night_is_exact() -> None:
    """Where every comment is labelled the figures are those of the night's two confusion matrices."""
    cells = [
        Cell(champion=True, challenger=True, size=400, labelled=400, violations=360),
        Cell(champion=True, challenger=False, size=50, labelled=50, violations=20),
        Cell(champion=False, challenger=True, size=60, labelled=60, violations=50),
        Cell(champion=False, challenger=False, size=9000, labelled=9000, violations=70),
    ]
    found = weigh_back(cells, seed=1)
    violations = 360 + 20 + 50 + 70
    assert found.precision.champion == pytest.approx(380 / 450)
    assert found.recall.challenger == pytest.approx(410 / violations)
    assert found.f1.champion == pytest.approx(2 * 380 / (450 + violations))
    assert found.f1.interval.low < found.f1.difference < found.f1.interval.high


def test_few_labels_find_a_better_challenger() -> None:
    """230 labels of a night of 20,000, all of them where the candidates differ but 120, show two points of F1."""
    cells = [
        Cell(champion=True, challenger=True, size=560, labelled=60, violations=53),
        Cell(champion=True, challenger=False, size=40, labelled=40, violations=12),
        Cell(champion=False, challenger=True, size=70, labelled=70, violations=58),
        Cell(champion=False, challenger=False, size=19_330, labelled=60, violations=0),
    ]
    assert weigh_back(cells, seed=1).f1.interval.low > 0


def test_nights_add_up() -> None:
    """Two nights of the same counts are one of twice the counts, and tell more."""
    night = [
        Cell(champion=True, challenger=True, size=500, labelled=60, violations=55),
        Cell(champion=True, challenger=False, size=30, labelled=30, violations=14),
        Cell(champion=False, challenger=True, size=30, labelled=30, violations=16),
        Cell(champion=False, challenger=False, size=9440, labelled=60, violations=1),
    ]
    one, two = weigh_back(night, seed=1).f1, weigh_back(add_nights([night, night]), seed=1).f1
    assert two.difference == pytest.approx(one.difference)
    assert two.interval.high - two.interval.low < one.interval.high - one.interval.low


def test_empty_cell_is_no_obstacle() -> None:
    """A cell without comments needs no label; one with comments does."""
    empty = Cell(champion=True, challenger=False, size=0, labelled=0, violations=0)
    both = Cell(champion=True, challenger=True, size=10, labelled=10, violations=9)
    assert weigh_back([empty, both], seed=1).f1.difference == 0
    with pytest.raises(ValueError, match="at least one label"):
        weigh_back([both, Cell(champion=False, challenger=False, size=90, labelled=0, violations=0)], seed=1)
