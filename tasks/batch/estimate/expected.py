"""What requests are expected to use, from the best source that there is: Bedrock itself, past nights, constants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from data_contracts.documents.ledger import EstimateSource, LedgerEntry
from tasks.base.frames import scan_file
from tasks.base.ports import FactUnavailable
from tasks.batch.estimate.counted import count_sample, counted_rates, draw_sample
from tasks.batch.estimate.learnt import learn_rates
from tasks.batch.estimate.rates import Rates, constant_pack_rates, constant_rates
from tasks.ledger.asker import Asker
from tasks.ledger.run import Run

_SWITCH = "MODERATION_COUNT_TOKENS=false does not ask"
_INSTEAD = {EstimateSource.LEARNT: "past nights", EstimateSource.CONSTANTS: "bytes a token by language"}


class Expectation(NamedTuple):
    """The rates, and warnings about what they rest on."""

    rates: Rates
    notes: tuple[str, ...] = ()


def expect_rates(run: Run, asker: Asker, wanted: Path, own_entries: Sequence[LedgerEntry]) -> Expectation:
    """The rates for the records in a local file; whatever cannot be learnt costs precision, never the night.

    Args:
        run: whose records they are.
        asker: the model and how it is asked.
        wanted: the records, with the columns of WANTED.
        own_entries: of this run so far: where Bedrock did not count for them it is not asked again.
    """
    size = asker.pack_size
    rates = learn_rates(run.storage, run.paths, run.plan) if size == 1 else None
    if size > 1:
        rates = constant_pack_rates(asker.prompt_text, asker.family.reasoning_tokens, size)
    elif rates is None:
        rates = constant_rates(asker.prompt_text, asker.family.reasoning_tokens)
    expected = _counted(run, asker, wanted, own_entries, rates)
    return expected if size == 1 else expected._replace(rates=expected.rates.in_packs(size))


def _counted(run: Run, asker: Asker, wanted: Path, own_entries: Sequence[LedgerEntry], rates: Rates) -> Expectation:
    """By Bedrock's own count where it has one, else what is handed in."""
    gave_up = any(entry.estimate_source is not EstimateSource.COUNT_TOKENS for entry in own_entries)
    if gave_up or not run.settings.count_tokens:
        return Expectation(rates)
    sample = draw_sample(scan_file(wanted))
    if not sample.height:
        return Expectation(rates)
    try:
        fixed, counted = count_sample(run.outside, asker, sample)
    except FactUnavailable as error:
        return Expectation(rates, (f"{error}; the estimate rests on {_INSTEAD[rates.source]} ({_SWITCH})",))
    return Expectation(counted_rates(fixed, counted, rates.output_tokens))
