"""How fast the steps before any model are: comments a second on one core, and the memory that they take.

    python -m benchmarks.routing_speed [--comments 1000000] [--one-core]

Routes the sandbox's sample comments (Japanese and English, some 58 characters) range by range as a night does, with a
cache that serves a tenth of them, with the shipped rules, and with a classifier of random weights; then with fewer
steps. CPU seconds are counted, not the wall's, so another program on the machine does not matter much. `--one-core`
holds Polars to one thread; without it the CPU seconds of all threads are counted, which is the same work.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import cycle
from pathlib import Path

_RANGE = 50_000


def main() -> None:
    """Print a line for all steps and one for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comments", type=int, default=1_000_000)
    parser.add_argument("--one-core", action="store_true")
    options = parser.parse_args()
    if options.one_core and os.environ.get("POLARS_MAX_THREADS") != "1":  # Polars reads it when it is imported
        os.execve(  # noqa: S606 (our own interpreter)
            sys.executable,
            [sys.executable, "-m", "benchmarks.routing_speed", *sys.argv[1:]],
            os.environ | {"POLARS_MAX_THREADS": "1"},
        )
    _measure(options.comments)


def _measure(count: int) -> None:
    import numpy as np
    import polars as pl

    from data_contracts.documents.evaluation.classifier import ClassifierVersion
    from data_contracts.documents.plan import PlannedPolicy
    from data_contracts.tables.verdicts import VERDICTS
    from prompts.rules import read_rules, rules_of
    from sandbox.stand_in_model import TRAINING_SAMPLES
    from tasks.route.cached_verdicts import KEPT
    from tasks.route.classifier.features import BUCKET_BITS, READING
    from tasks.route.classifier.model import Arrays
    from tasks.route.classifier.stored import Classifier
    from tasks.route.route_comments import route
    from tests import factories

    generator = np.random.default_rng(1)
    samples = pl.read_ndjson(TRAINING_SAMPLES)["text"].to_list()
    texts = [f"{text} {number}" for number, text in zip(range(_RANGE), cycle(samples), strict=False)]
    comments = pl.DataFrame(
        {
            "record_id": [f"{number:032x}" for number in range(_RANGE)],
            "comment_id": [f"c{number}" for number in range(_RANGE)],
            "text": texts,
            "text_sha256": [f"{number:064x}" for number in range(_RANGE)],
        }
    )
    kept = {name: VERDICTS.polars_schema[name] for name in KEPT}
    cached = (
        comments.select("text_sha256")
        .gather_every(10)
        .with_columns(*(pl.lit(None, dtype).alias(name) for name, dtype in kept.items()))
        .lazy()
    )
    rules = read_rules(rules_of("comment_review") or Path("none"))
    arrays = Arrays(
        generator.normal(size=1 << BUCKET_BITS).astype(np.float32), np.array([-1.0, 1.0]), np.array([0.0, 1.0])
    )
    now, day = datetime(2026, 11, 20, tzinfo=UTC), date(2026, 11, 19)
    version = ClassifierVersion(
        version=1, arrays_sha256=arrays.sha256, reading=READING, trained_at=now, first_date=day, last_date=day,
        prompt_name="comment_review", prompt_sha256="", label_count=0, verdict_count=0, seen={}, rare=(), margin=0.02,
        tried=(), clear_to=0.5,
    )  # fmt: skip
    classifier = Classifier(version, arrays)
    plan = factories.plan(policy=PlannedPolicy(name="all", sha256="c" * 64, is_plain=False))
    salt = b"a salt of sixteen bytes"
    ways: dict[str, Callable[[], object]] = {
        "draw, cache, rules, classifier": lambda: route(comments, cached, rules, salt, plan, now, classifier),
        "draw, cache, rules": lambda: route(comments, cached, rules, salt, plan, now),
        "draw, cache": lambda: route(comments, cached, None, salt, plan, now),
        "classifier alone": lambda: arrays.chances(comments["text"]),
    }
    characters = comments["text"].str.len_chars().sum() / _RANGE
    print(f"{characters:.0f} characters a comment, {_RANGE:,} comments a range")
    for name, way in ways.items():
        way()
        before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        for _ in range(max(1, count // _RANGE)):
            way()
        took = (time.process_time() - begin) / max(1, count // _RANGE) / _RANGE
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(f"{name:32} {1 / took:>10,.0f} comments a CPU second {took * 1e6:>6.2f} us each  +{grown:.0f} MiB")


if __name__ == "__main__":
    main()
