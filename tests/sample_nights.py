"""Nights as summary.json holds them, for what people read: a good one, a hostile one, one of unknown price."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

from data_contracts.documents.balance import Balance
from data_contracts.documents.ledger import EntryState, Usage
from data_contracts.documents.summary import Night
from data_contracts.tables.metrics import MetricRow
from tests.factories import ledger_entry

RUN_DATE = date(2026, 11, 19)


RUN_ID = "20261119T200000-1a2b3c4d"


def metric(name: str, part: str = "all", **overrides: Any) -> MetricRow:
    """One row of the metrics table as summary.json holds it."""
    row: dict[str, Any] = {
        "date": str(RUN_DATE),
        "metric": name,
        "slice": part,
        "kind": "rate",
        "n": 11_800,
        "state": "ok",
    }
    row |= {"method": "share of valid comments; Jeffreys 95% interval", "run_id": RUN_ID}
    return MetricRow.model_validate(row | overrides)


def compared(name: str, part: str, value: float, baseline: float, spread: float, **overrides: Any) -> MetricRow:
    """A row with an interval, a baseline and all that follows from it."""
    facts = {"value": value, "ci_low": value * 0.93, "ci_high": value * 1.07, "baseline": baseline}
    facts |= {"effect": value - baseline, "threshold": 4 * spread, "statistic": (value - baseline) / spread}
    return metric(name, part, **facts | overrides)


def estimated(name: str, part: str, value: float, n: int, reach: float, **overrides: Any) -> MetricRow:
    """A quality row with its interval."""
    ends = {"ci_low": max(0.0, value - reach), "ci_high": min(1.0, value + reach)}
    return metric(name, part, value=value, n=n, **ends, **overrides)


METRIC_ROWS = [
    metric(
        "volume",
        kind="count",
        value=11_788.0,
        n=11_788,
        baseline=12_050.0,
        effect=-262.0,
        threshold=4_200.0,
        statistic=-0.3,
    ),
    compared("text_length_log", "all", 3.861, 3.874, 0.03, kind="mean", ci_low=3.846, ci_high=3.876),
    compared("language_share", "language=ja", 0.7121, 0.7233, 0.012, ci_low=0.7039, ci_high=0.7202),
    compared("language_share", "language=en", 0.2811, 0.2702, 0.012, ci_low=0.2731, ci_high=0.2893),
    compared("language_share", "language=other", 0.0068, 0.0065, 0.002),
    compared("product_share", "product=B0-4711", 0.0214, 0.0197, 0.004),
    compared("duplicate_rate", "all", 0.0461, 0.0437, 0.004),
    compared("rejected_rate", "all", 0.0111, 0.0106, 0.002),
    compared(
        "violation_rate",
        "all",
        0.0842,
        0.0611,
        0.0045,
        state="degraded",
        since="2026-11-17",
        reason="8.42 % is 2.31 points above the baseline of 6.11 %; the evidence reached its limit",
        reason_code="shift",
        severity="ticket",
    ),
    compared("violation_rate", "language=en", 0.0611, 0.0602, 0.007),
    compared(
        "violation_category_share",
        "category=spam",
        0.52,
        0.371,
        0.034,
        state="degraded",
        since="2026-11-19",
        n=988,
        reason="52 % is 14.90 points above the baseline of 37.1 %; the evidence reached its limit",
        reason_code="shift",
        severity="ticket",
    ),
    metric(
        "violation_category_share",
        "category=privacy",
        value=0.011,
        n=21,
        baseline=0.012,
        effect=-0.001,
        state="cannot_tell",
        reason="19 are too few to tell; 20 would",
        reason_code="few_items",
    ),
    compared("malformed_rate", "all", 0.0007, 0.0005, 0.0012),
    compared("input_tokens_log", "all", 6.548, 6.551, 0.01, kind="mean", ci_low=6.541, ci_high=6.555),
    metric("cost_usd", kind="count", value=7.4218, baseline=7.51, effect=-0.0882, threshold=1.1265, statistic=-0.4),
    metric("oov_rate", state="learning", reason="words of 9 days are collected, 28 are needed", n=0),
    metric("golden_flip_rate", state="no_data", reason="the golden pack did not ride along", n=0),
    estimated("accuracy", "all", 0.912, 250, 0.036, reason="3 labels point to no comment"),
    estimated("accuracy", "language=en", 0.934, 76, 0.054),
    estimated("accuracy", "language=ja", 0.901, 174, 0.045),
    estimated("accuracy", "stratum=flagged", 0.84, 60, 0.09),
    estimated("accuracy", "source=planted", 0.955, 40, 0.07),
    estimated("precision", "all", 0.84, 60, 0.09),
    estimated("recall", "all", 0.763, 58, 0.12),
    estimated("recall", "category=spam", 0.81, 31, 0.14),
    estimated("f1", "all", 0.799, 71, 0.1),
    estimated("prevalence", "all", 0.0662, 250, 0.021),
    metric("recall", "category=illegal", state="no_data", reason="no labelled comment is a violation", n=0),
]


def job(shard: int = 0, **overrides: Any) -> dict[str, Any]:
    """A collected job as the night keeps it."""
    facts: dict[str, Any] = {
        "run_date": RUN_DATE,
        "shard": shard,
        "run_id": RUN_ID,
        "record_count": 5_622,
        "estimated_cost_usd": 3.9011,
        "state": EntryState.COLLECTED,
        "job_arn": f"arn:aws:bedrock:ap-northeast-1:123456789012:model-invocation-job/{shard:012d}",
        "job_status": "Completed",
        "submitted_at": datetime(2026, 11, 19, 20, 1, 10, tzinfo=UTC),
        "collected_at": datetime(2026, 11, 19, 20, 42, 31, tzinfo=UTC),
        "usage": Usage(input_tokens=3_912_114, output_tokens=214_800, cost_usd=3.6911, answered_count=5_618),
    }
    return ledger_entry(**facts | overrides).model_dump(mode="json", exclude={"client_request_token"})


def a_night(**overrides: Any) -> Night:
    """A published night with something of everything."""
    books = Balance(
        ingested_count=11_921,
        valid_count=11_788,
        rejected_count=133,
        verdict_count=11_788,
        ledger_input_tokens=7_822_331,
        ledger_output_tokens=431_209,
        verdict_input_tokens=7_820_940,
        verdict_output_tokens=431_140,
        unattributed_input_tokens=1_391,
        unattributed_output_tokens=69,
        ledger_cost_usd=7.4231,
        verdict_cost_usd=7.4218,
        unattributed_cost_usd=0.0013,
        review_count=26,
        verdicts_version=41,
        rejected_version=41,
    )
    root = "s3://moderation-output"
    facts: dict[str, Any] = {
        "run_date": str(RUN_DATE),
        "run_id": RUN_ID,
        "plan_sha256": "ab" * 32,
        "model_id": "global.anthropic.claude-haiku-4-5-20251001-v1:0",
        "prompt": "comment_review/v1",
        "balance": books,
        "rejected": {"blank_text": 61, "null_text": 40, "duplicate_id": 20, "bad_id": 12},
        "statuses": {"judged": 11_762, "malformed": 8, "missing": 7, "refused": 11},
        "violation_count": 990,
        "duplicate_count": 544,
        "estimated_cost_usd": 7.8022,
        "estimated_input_tokens": 7_901_000,
        "estimated_output_tokens": 451_000,
        "estimate_source": "count_tokens",
        "cost_usd": 7.4231,
        "jobs": [
            job(0),
            job(1, job_status="PartiallyCompleted", job_message="7 records expired before processing", adopted=True),
        ],
        "metrics": METRIC_ROWS,
        "alerts": {
            "degraded_count": 2,
            "titles": [f"nightly {RUN_DATE}: 2 measures degraded (outputs)"],
            "delivered": ["slack (alert URL 1)"],
            "known": [],
            "failed": ["json (alert URL 2): the channel did not take the message"],
            "note": "",
        },
        "seconds": {"ingest": 1.2, "validate": 3.41, "deduplicate": 0.6, "build_batch": 4.8, "poll_batch": 2_471.0}
        | {"collect_answers": 6.2, "merge_verdicts": 3.9, "publish": 5.7, "measure_drift": 4.4, "send_alerts": 0.8},
        "paths": {
            "verdicts": f"{root}/verdicts/date={RUN_DATE}/verdicts.parquet",
            "lake": f"{root}/lake/verdicts",
            "run": f"{root}/runs/{RUN_DATE}/{RUN_ID}",
            "report": f"{root}/runs/{RUN_DATE}/{RUN_ID}/report.html",
        },
    }
    return Night.model_validate(facts | overrides)


def unknown_price() -> dict[str, Any]:
    """What a night holds whose model has no price."""
    unpriced = {"ledger_cost_usd": None, "verdict_cost_usd": None, "unattributed_cost_usd": None}
    return {
        "balance": a_night().balance.model_copy(update=unpriced),
        "cost_usd": None,
        "estimated_cost_usd": None,
        "jobs": [job(0, estimated_cost_usd=None, usage=Usage(input_tokens=10, output_tokens=2))],
        "metrics": [],
    }


#: What may come as a product id or in a message of Bedrock's; each must lie on the page as dead text.
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</bdi></code></td></table><iframe src=//example.com>",
    "safe\u202egpj.exe\u2066\u2069\u200b\ufeff",
    "red\x1b[31m\x07\x00\u2028\ud800",
    "-->]]><!--",
)


INVISIBLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def hostile_night(text: str) -> Night:
    """A night with the text everywhere that something from outside, or an id, can stand."""
    rows = [
        compared(
            "product_share", f"product={text}", 0.1, 0.02, 0.004, state="degraded", since="2026-11-19", reason=text
        ),
        metric("product_share", text, state="no_data", reason=text, n=0),
        estimated("accuracy", "all", 0.9, 100, 0.05, reason=text),
        estimated("accuracy", f"stratum={text}", 0.9, 100, 0.05),
        compared(text, "all", 0.1, 0.1, 0.01),
    ]
    channels = {"titles": [text], "delivered": [text], "failed": [text], "note": text}
    jobs = [job(0, job_status=text, job_message=text, job_arn=text, job_name=text)]
    plain = a_night(metrics=rows, jobs=jobs, rejected={text: 3}, seconds={text: 1.0}, alerts=channels)
    return plain.model_copy(update={"model_id": text, "prompt": text, "run_id": text, "paths": {text: text}})


def many_metrics() -> list[MetricRow]:
    """Sixty products beside the usual rows, fourteen of them degraded."""
    facts = {"state": "degraded", "since": str(RUN_DATE), "reason": "16 deviations in one night", "severity": "report"}
    return [
        *METRIC_ROWS,
        *(
            compared("product_share", f"product=B{n:04d}", 0.04, 0.02, 0.004, **facts if n < 14 else {})
            for n in range(60)
        ),
    ]
