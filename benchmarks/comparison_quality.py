"""How often a comparison of two candidates is right: false alarms, power, coverage. No model is asked.

    python -m benchmarks.comparison_quality [--sets 2000] [--seed 1]

Draws sets of labelled comments with two candidates whose true rates are known, compares them as `evaluate compare`
does, and counts. "Better" and "worse" are each wrong in at most some 2.5 % of the sets where the candidates are equal;
an interval of 95 % holds the true difference in 93 to 97 % of them. Power of McNemar's test stands beside the
published one (exact test, 5 %, accuracy 2 points apart). Last, nights of 20,000 comments on which only the comments
where the candidates differ are labelled, and 60 of each kind of agreement: labels, deviation of the estimate, power.
"""

from __future__ import annotations

import argparse
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.evaluate.disagreements import Cell, add_nights, weigh_back
from tasks.evaluate.paired import Discordance, differences, discordance

Flags = npt.NDArray[np.bool_]
#: Recall and precision of champion and challenger.
Judges = tuple[tuple[float, float], tuple[float, float]]


class World(NamedTuple):
    """What is true of two candidates.

    Attributes:
        n: labelled comments.
        prevalence: share of violations.
        recall, false_alarms: of champion and challenger.
        discordant: share on which exactly one is right, of the violations and of the rest.
        copies: comments a text, on average.
    """

    name: str
    n: int
    prevalence: float
    recall: tuple[float, float]
    false_alarms: tuple[float, float]
    discordant: tuple[float, float]
    copies: int = 1

    def f1(self, candidate: int) -> float:
        """The candidate's true F1."""
        hits = self.prevalence * self.recall[candidate]
        alarms = (1 - self.prevalence) * self.false_alarms[candidate]
        return 2 * hits / (hits + alarms + self.prevalence)

    def draw(self, random: np.random.Generator) -> pl.DataFrame:
        """A set of n comments with both candidates' verdicts, in the columns that `differences` reads."""
        text_count = max(1, self.n // self.copies)
        truth = random.random(text_count) < self.prevalence
        champion, challenger = np.zeros(text_count, bool), np.zeros(text_count, bool)
        for part, rates, apart in (
            (truth, self.recall, self.discordant[0]),
            (~truth, self.false_alarms, self.discordant[1]),
        ):
            champion[part], challenger[part] = _flags(int(part.sum()), rates, apart, random)
        copied = np.repeat(np.arange(text_count), random.poisson(self.copies - 1, text_count) + 1)
        return pl.DataFrame(
            {
                "stratum": pl.Series([None] * len(copied), dtype=pl.String),
                "cluster": pl.Series(copied).cast(pl.String) if self.copies > 1 else pl.Series([None] * len(copied)),
                "weight": np.ones(len(copied)),
                "violation": truth[copied],
                "champion_violation": champion[copied],
                "challenger_violation": challenger[copied],
            }
        ).cast({"cluster": pl.String})


WORLDS = (
    World("equal, 300, 30 %", 300, 0.3, (0.8, 0.8), (0.03, 0.03), (0.06, 0.02)),
    World("equal, few apart", 300, 0.3, (0.8, 0.8), (0.03, 0.03), (0.03, 0.01)),
    World("equal, 1,000, 30 %", 1000, 0.3, (0.8, 0.8), (0.03, 0.03), (0.06, 0.02)),
    World("equal, 1,000, 5 %", 1000, 0.05, (0.8, 0.8), (0.01, 0.01), (0.1, 0.005)),
    World("equal, texts thrice", 900, 0.3, (0.8, 0.8), (0.03, 0.03), (0.06, 0.02), copies=3),
    World("equal, 3,000, 30 %", 3000, 0.3, (0.8, 0.8), (0.03, 0.03), (0.06, 0.02)),
    World("+2 points, 3.3 %", 2000, 0.033, (0.765, 0.785), (0.005, 0.0045), (0.08, 0.003)),
    World("+3 points, 30 %", 300, 0.3, (0.8, 0.84), (0.03, 0.02), (0.1, 0.03)),
    World("+3 points, 1,500", 1500, 0.3, (0.8, 0.84), (0.03, 0.02), (0.1, 0.03)),
)
#: Discordant shares (gained, lost) against the published power at n comments.
PUBLISHED = {
    (0.03, 0.01): {500: 0.54, 1000: 0.87, 1500: 0.98, 2000: 0.99, 3000: 1.0},
    (0.04, 0.02): {500: 0.38, 1000: 0.71, 1500: 0.88, 2000: 0.95, 3000: 0.99},
    (0.06, 0.04): {500: 0.25, 1000: 0.48, 1500: 0.68, 2000: 0.79, 3000: 0.92},
    (0.08, 0.06): {500: 0.19, 1000: 0.36, 1500: 0.52, 2000: 0.65, 3000: 0.82},
}


def _flags(count: int, rates: tuple[float, float], apart: float, random: np.random.Generator) -> tuple[Flags, Flags]:
    """Verdicts of both on comments of one truth, with these rates of flags and this share on which they differ."""
    only_first = (apart + rates[0] - rates[1]) / 2
    both = rates[0] - only_first
    place = random.random(count)
    first = place < both + only_first
    second = (place < both) | ((place >= both + only_first) & (place < both + apart))
    return first, second


def print_worlds(set_count: int, random: np.random.Generator) -> None:
    """Print coverage, size or power of each world."""
    print(
        f"{'F1 over ' + str(set_count) + ' sets':24}{'truth':>8}{'covered':>9}{'better':>8}{'worse':>8}{'McNemar':>9}"
    )
    for world in WORLDS:
        truth = world.f1(1) - world.f1(0)
        covered = better = worse = significant = 0
        for number in range(set_count):
            answers = world.draw(random)
            low, high = differences(answers, number).f1.interval
            covered += low <= truth <= high
            better += low > 0
            worse += high < 0
            significant += discordance(answers).p_value < 0.05
        shares = [f"{count / set_count:.1%}" for count in (covered, better, worse, significant)]
        print(f"{world.name:24}{truth:>8.4f}{shares[0]:>9}{shares[1]:>8}{shares[2]:>8}{shares[3]:>9}", flush=True)


def print_power(set_count: int, random: np.random.Generator) -> None:
    """Print McNemar's power beside the published one."""
    print("\nMcNemar, exact: power here / published")
    for (gained, lost), published in PUBLISHED.items():
        cells = []
        for n, expected in published.items():
            counts = random.multinomial(n, [gained, lost, 1 - gained - lost], set_count)
            hits = sum(Discordance(n, int(b), int(c)).p_value < 0.05 for b, c, _ in counts)
            error = math.sqrt(expected * (1 - expected) / set_count)
            mark = "" if abs(hits / set_count - expected) <= 0.01 + 3 * error else " !"
            cells.append(f"{n}: {hits / set_count:.2f} / {expected:.2f}{mark}")
        print(f"{gained:.0%} / {lost:.0%}   " + "   ".join(cells))


#: Recall and precision of both judges of whole nights; the first pair is better by 2 points of F1, the second is equal.
JUDGES = {"+2 points": ((0.765, 0.84), (0.785, 0.86)), "equal": ((0.775, 0.85), (0.775, 0.85))}
NIGHT, PREVALENCE, CHECKS = 20_000, 0.033, 60
#: Share of the violations and of the rest on which exactly one of both flags.
APART = (0.08, 0.0025)


def print_disagreements(night_count: int, random: np.random.Generator) -> None:
    """Print what labels of the disagreements alone tell of one, two and three nights."""
    print("\nLabels where they differ, and 60 of each agreement")
    print(f"{'judges':12}{'nights':>7}{'labels':>8}{'sd':>8}{'covered':>9}{'better':>8}{'worse':>8}")
    for name, judges in JUDGES.items():
        false_alarms = [
            PREVALENCE * recall * (1 - precision) / precision / (1 - PREVALENCE) for recall, precision in judges
        ]
        first, second = (World("", NIGHT, PREVALENCE, *_pairs(judges, false_alarms), APART).f1(one) for one in (0, 1))
        for nights in (1, 2, 3):
            labels, found = 0, []
            for number in range(night_count):
                cells = add_nights(_label_night(judges, false_alarms, random) for _ in range(nights))
                labels += sum(cell.labelled for cell in cells)
                found.append(weigh_back(cells, number).f1)
            covered = np.mean([one.interval.low <= second - first <= one.interval.high for one in found])
            better = np.mean([one.interval.low > 0 for one in found])
            worse = np.mean([one.interval.high < 0 for one in found])
            sd = np.std([one.difference for one in found])
            print(
                f"{name:12}{nights:>7}{labels / night_count:>8.0f}{sd:>8.4f}{covered:>9.1%}{better:>8.1%}{worse:>8.1%}"
            )


def _pairs(judges: Judges, false_alarms: list[float]) -> tuple[tuple[float, float], tuple[float, float]]:
    return (judges[0][0], judges[1][0]), (false_alarms[0], false_alarms[1])


def _label_night(judges: Judges, false_alarms: list[float], random: np.random.Generator) -> list[Cell]:
    """One night's four cells, with the labels that the design asks for."""
    violations = random.binomial(NIGHT, PREVALENCE)
    recall, alarms = _pairs(judges, false_alarms)
    counts = [
        random.multinomial(total, _cells(rates, apart))
        for total, rates, apart in ((violations, recall, APART[0]), (NIGHT - violations, alarms, APART[1]))
    ]
    cells = []
    for place, verdicts in enumerate(((True, False), (False, True), (True, True), (False, False))):
        true, false = int(counts[0][place]), int(counts[1][place])
        differ = verdicts[0] != verdicts[1]
        labelled = true + false if differ else min(CHECKS, true + false)
        cells.append(Cell(*verdicts, true + false, labelled, int(random.hypergeometric(true, false, labelled))))
    return cells


def _cells(rates: tuple[float, float], apart: float) -> list[float]:
    """Shares of: only the first flags, only the second, both, neither."""
    first = (apart + rates[0] - rates[1]) / 2
    return [first, apart - first, rates[0] - first, 1 - rates[0] - apart + first]


def main() -> None:
    """Run as a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=2000, help="sets a world")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    print_worlds(options.sets, random)
    print_power(options.sets, random)
    print_disagreements(options.sets, random)


if __name__ == "__main__":
    main()
