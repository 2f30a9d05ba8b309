"""Every key of a day and of a run."""

from __future__ import annotations

from datetime import date

import pytest

from tasks.base.paths import DayPaths, RunPaths, alert_group, backfill, backfill_lease, rebaselined
from tests import factories

KEY = "0123456789abcdef" * 4
PATHS = RunPaths(factories.settings(), date(2026, 1, 2), "run-1")
OUTPUT = "s3://moderation-bucket/output"


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        pytest.param(PATHS.comments, "s3://moderation-bucket/comments/date=2026-01-02", id="comments"),
        pytest.param(PATHS.labels, "s3://moderation-bucket/labels/date=2026-01-02", id="labels"),
        pytest.param(PATHS.lake("verdicts"), f"{OUTPUT}/lake/verdicts", id="lake"),
        pytest.param(PATHS.plain("verdicts"), f"{OUTPUT}/verdicts/date=2026-01-02/verdicts.parquet", id="plain"),
        pytest.param(PATHS.ledger, f"{OUTPUT}/ledger/2026-01-02", id="ledger"),
        pytest.param(PATHS.entry(KEY), f"{OUTPUT}/ledger/2026-01-02/{KEY}.json", id="entry"),
        pytest.param(PATHS.requests(KEY), f"{OUTPUT}/requests/2026-01-02/{KEY}.parquet", id="requests"),
        pytest.param(PATHS.answers(KEY), f"{OUTPUT}/answers/2026-01-02/{KEY}.parquet", id="answers"),
        pytest.param(
            PATHS.batch_input(KEY, 7),
            "s3://moderation-bucket/batch/2026-01-02/0123456789abcdef/input/shard-00007.jsonl",
            id="batch-input",
        ),
        pytest.param(
            PATHS.batch_output(KEY),
            "s3://moderation-bucket/batch/2026-01-02/0123456789abcdef/output/",
            id="batch-output",
        ),
        pytest.param(
            alert_group(PATHS.settings, "quality"), f"{OUTPUT}/state/alerts/groups/quality.json", id="alert-group"
        ),
        pytest.param(PATHS.labels_state(), f"{OUTPUT}/state/labels/2026-01-02.json", id="labels-state"),
        pytest.param(PATHS.vocabulary(), f"{OUTPUT}/state/vocabulary/2026-01-02.parquet", id="vocabulary"),
        pytest.param(PATHS.lake_day("verdicts"), f"{OUTPUT}/lake/verdicts/date=2026-01-02", id="lake-day"),
        pytest.param(PATHS.batch, "s3://moderation-bucket/batch/2026-01-02", id="batch"),
        pytest.param(PATHS.runs, f"{OUTPUT}/runs/2026-01-02", id="runs"),
        pytest.param(PATHS.erasure("ab"), f"{OUTPUT}/state/erasures/2026-01-02/ab.json", id="erasure"),
        pytest.param(PATHS.restore(), f"{OUTPUT}/state/restores/2026-01-02.json", id="restore"),
        pytest.param(backfill(PATHS.settings, "ab12"), f"{OUTPUT}/state/backfills/ab12.json", id="backfill"),
        pytest.param(rebaselined(PATHS.settings), f"{OUTPUT}/state/rebaselined.json", id="rebaselined"),
        pytest.param(backfill_lease(PATHS.settings), f"{OUTPUT}/state/lease/backfill.json", id="backfill-lease"),
        pytest.param(PATHS.root, f"{OUTPUT}/runs/2026-01-02/run-1", id="run"),
        pytest.param(PATHS.file("plan.json"), f"{OUTPUT}/runs/2026-01-02/run-1/plan.json", id="run-file"),
        pytest.param(PATHS.work("valid"), f"{OUTPUT}/runs/2026-01-02/run-1/work/valid.parquet", id="work"),
        pytest.param(PATHS.work_folder, f"{OUTPUT}/runs/2026-01-02/run-1/work", id="work-folder"),
    ],
)
def test_keys_are_those_of_the_tree(actual: str, expected: str) -> None:
    """Each key is where the module's tree draws it."""
    assert actual == expected


def test_bedrock_sees_no_equals_sign() -> None:
    """Bedrock refuses `=` in its URIs, so its files lie apart from Hive paths."""
    assert "=" not in PATHS.batch_input(KEY, 0) + PATHS.batch_output(KEY)


def test_each_job_has_a_clean_folder() -> None:
    """Bedrock reads every .jsonl below its input: two keys share no folder, nor do input and output of one."""
    other = DayPaths(factories.settings(), date(2026, 1, 2))
    folders = {
        path.batch_input(key, 0).rsplit("/", 1)[0] + "/" for path in (PATHS, other) for key in (KEY, KEY[::-1])
    } | {PATHS.batch_output(KEY)}
    assert not [(a, b) for a in folders for b in folders if a != b and a.startswith(b)]
    assert len(folders) == 3


def test_runs_of_a_day_share_the_ledger_and_not_their_files() -> None:
    """The ledger belongs to the day; plan and scratch frames to the run."""
    other = RunPaths(factories.settings(), date(2026, 1, 2), "run-2")
    assert other.entry(KEY) == PATHS.entry(KEY)
    assert other.work("valid") != PATHS.work("valid")
