"""What past nights used, and which of them an estimate learns from."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.documents.usage import LanguageUsage
from tasks.base.paths import DayPaths
from tasks.batch.estimate.learnt import LEARNT_NIGHTS, UsageHistory, keep_usage, learn_rates
from tests import factories

STORAGE = factories.local_adapters().storage


def used(output_tokens: int, count: int = 40) -> tuple[LanguageUsage, ...]:
    """Requests of a hundred tokens, each with an answer of so many."""
    return (
        LanguageUsage(
            language="ja",
            record_count=count,
            text_bytes=30 * count,
            input_tokens=100 * count,
            output_tokens=output_tokens * count,
            squared_bytes=900 * count,
            bytes_times_tokens=3000 * count,
        ),
    )


class Site:
    """A site with what its nights used."""

    def __init__(self, root: Path) -> None:
        self.settings = factories.settings(root)

    def paths(self, days_ago: int) -> DayPaths:
        return DayPaths(self.settings, factories.RUN_DATE - timedelta(days_ago))

    def keep(self, days_ago: int, output_tokens: int, **overrides: Any) -> None:
        paths = self.paths(days_ago)
        keep_usage(STORAGE, paths, factories.plan(run_date=paths.run_date, **overrides), used(output_tokens))

    def learnt(self) -> float | None:
        rates = learn_rates(STORAGE, self.paths(0), factories.plan())
        return rates and rates.output_tokens


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_nothing_is_known_of_a_new_site(site: Site) -> None:
    """No nights, or nights that asked nothing: nothing to learn from."""
    assert site.learnt() is None
    keep_usage(STORAGE, site.paths(1), factories.plan(), ())
    assert site.learnt() is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"model_id": "amazon.nova-micro-v1:0"}, id="another-model"),
        pytest.param({"prompt_sha256": "f" * 64}, id="another-prompt"),
        pytest.param({"invocation_type": "Converse"}, id="asked-in-another-way"),
    ],
)
def test_only_the_same_requests_are_learnt_from(change: dict[str, Any], site: Site) -> None:
    """What another model, prompt or body used says nothing about this one."""
    site.keep(1, 90, **change)
    assert site.learnt() is None
    site.keep(2, 40)
    assert site.learnt() == 40


def test_the_nearest_nights_count(site: Site) -> None:
    """Of many nights the nearest few, before or after: a backfill of an old day learns from what came later."""
    for days_ago in range(LEARNT_NIGHTS + 5, 0, -1):
        site.keep(days_ago, 40 if days_ago <= LEARNT_NIGHTS else 400)
    assert site.learnt() == 40
    site.keep(-1, 47)
    assert site.learnt() == 41


def test_each_of_many_days_learns_from_the_nights_around_it(site: Site) -> None:
    """Who plans many days reads each night once, and gets for each day what a night of that day would learn."""
    for days_ago in range(2 * LEARNT_NIGHTS):
        site.keep(days_ago, 40 if days_ago < LEARNT_NIGHTS else 400)
    nights = UsageHistory(STORAGE, site.paths(0))
    for days_ago in (0, 2 * LEARNT_NIGHTS):
        rates = nights.rates(site.paths(days_ago).run_date, factories.plan())
        assert rates == learn_rates(STORAGE, site.paths(days_ago), factories.plan())
        assert rates is not None
        assert rates.output_tokens == (400 if days_ago else 40)


def test_what_cannot_be_read_teaches_nothing(site: Site) -> None:
    """A broken object must not stop a night."""
    site.keep(1, 40)
    STORAGE.put(site.paths(2).usage(), b"{broken")
    assert site.learnt() == 40
