"""Trains the classifier anew on the last days' labels and verdicts, and keeps it with what is proved of it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from data_contracts.documents.evaluation.classifier import ClassifierVersion
from prompts import Prompt
from prompts.policies import StepName
from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import WrongUsage
from tasks.base.figures import percent
from tasks.base.settings import Settings
from tasks.evaluate.classifier.examples import read_examples
from tasks.evaluate.classifier.fit import Fitted, fit
from tasks.evaluate.classifier.proof import proved, rare, seen_violations, try_thresholds
from tasks.evaluate.savings.guarantee import violations_needed
from tasks.ledger.asker import planned_askers
from tasks.llm.policy import load_policy
from tasks.llm.prompt import load_prompt
from tasks.route.classifier.features import READING
from tasks.route.classifier.fitness import LEAST_SEEN, rare_words
from tasks.route.classifier.model import BrokenArrays
from tasks.route.classifier.stored import newest_version, store

#: Fewest violations, and fewest other comments, that anything can be learnt from.
LEAST_OF_EACH = 50
_STEP: StepName = "classifier"


def wants_classifier(settings: Settings) -> bool:
    """Whether the settings' policy asks a classifier. Raises as `load_policy`."""
    return load_policy(settings.policy, load_prompt(settings.prompt, settings.prompt_version)).step(_STEP) is not None


@reading_lake()
def recalibrate(settings: Settings, day_count: int, now: datetime) -> ClassifierVersion:
    """Train on the published days of the last `day_count`, and keep the version.

    Raises:
        WrongUsage: if there is too little to learn from.
        SettingsInvalid, PromptInvalid, UnsupportedModel: if the settings name no policy, prompt or model that there is.
    """
    outside = adapters.connect(settings)
    prompt = load_prompt(settings.prompt, settings.prompt_version)
    last = now.astimezone(settings.zone).date() - timedelta(days=1)
    days = [last - timedelta(days=back) for back in range(day_count - 1, -1, -1)]
    hashes = {asker.prompt_sha256 for asker in planned_askers(settings, outside.models)}
    examples = read_examples(outside, settings, days, hashes)
    counts = {way: examples.filter(pl.col("violation") == way).height for way in (True, False)}
    if min(counts.values()) < LEAST_OF_EACH:
        raise WrongUsage(
            f"{days[0]} to {last}: {counts[True]:,} violations and {counts[False]:,} others under {prompt.id}/"
            f"{prompt.version}; at least {LEAST_OF_EACH} of each are needed to learn from"
        )
    try:
        fitted = fit(examples)
    except ValueError as error:
        raise WrongUsage(f"{days[0]} to {last}: {error}") from None
    found = learnt_version(examples, fitted, prompt, settings.margin, (days[0], last), now)
    return store(outside.storage, settings, fitted.arrays, found)


def learnt_version(
    examples: pl.DataFrame, fitted: Fitted, prompt: Prompt, margin: float, between: tuple[date, date], now: datetime
) -> ClassifierVersion:
    """What is known of a classifier from its examples; it gets its number when it is kept.

    Columns: examples as `read_examples` gives them.
    """
    tried, seen = try_thresholds(examples.with_columns(chance=pl.Series(fitted.chances))), seen_violations(examples)
    best = proved(tried, margin)
    return ClassifierVersion(
        version=0,
        arrays_sha256=fitted.arrays.sha256,
        reading=READING,
        trained_at=now,
        first_date=between[0],
        last_date=between[1],
        prompt_name=prompt.id,
        prompt_sha256=prompt.sha256,
        label_count=int(examples["is_label"].sum()),
        verdict_count=int((~examples["is_label"]).sum()),
        seen=seen,
        rare=rare(seen, prompt.categories),
        margin=margin,
        tried=tried,
        clear_to=best.clear_to if best else None,
    )


def show_newest(settings: Settings) -> list[str]:
    """The newest version for a terminal.

    Raises:
        WrongUsage: if there is none that can be read.
    """
    try:
        version = newest_version(adapters.connect(settings).storage, settings)
    except BrokenArrays as error:
        raise WrongUsage(str(error)) from None
    if version is None:
        raise WrongUsage("there is no classifier yet: python -m flows classifier train")
    return describe_version(version)


def describe_version(version: ClassifierVersion) -> list[str]:
    """A version for a terminal: what it learnt from, each threshold, what is proved."""
    days = f"{version.first_date} to {version.last_date}"
    lines = [
        f"classifier v{version.version}, trained {version.trained_at:%Y-%m-%d %H:%M} UTC for {version.prompt_name}",
        f"on {days}: {version.label_count:,} labels, {version.verdict_count:,} verdicts",
        f"violations seen: {', '.join(f'{count:,} {category}' for category, count in version.seen.items()) or 'none'}",
        f"{'clears up to':>14}{'clears':>9}{'loses':>16}{'at most':>10}",
    ]
    for one in version.tried:
        mark = "*" if one.clear_to == version.clear_to else " "
        lost = f"{one.lost:,} of {one.violations:,}"
        lines.append(f"{one.clear_to:>13g}{mark}{percent(one.cleared_share):>9}{lost:>16}{percent(one.bound):>10}")
    return [*lines, *_conclusion(version)]


def _conclusion(version: ClassifierVersion) -> list[str]:
    margin, needed = percent(version.margin), violations_needed(0, 0, version.margin)
    safest = version.tried[0]
    lines = []
    chosen = next((one for one in version.tried if one.clear_to == version.clear_to), None)
    if chosen is not None:
        proof = f"{chosen.lost:,} of {chosen.violations:,} labelled violations lost"
        lines.append(f"* is proved: {proof} proves a loss of at most {percent(chosen.bound)}, not less")
    else:
        lines.append(
            f"it clears nothing: {safest.lost:,} of {safest.violations:,} labelled violations lost proves "
            f"{percent(safest.bound)}, not {margin}; that takes {needed:,} labelled violations of which none is lost"
        )
    if version.rare:
        lines.append(f"it clears nothing: it has seen {rare_words(version)}; of a grave category it takes {LEAST_SEEN}")
    return lines
