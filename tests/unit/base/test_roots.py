"""What a root may be called: what every library takes for the same key, and nothing else."""

from __future__ import annotations

import pytest

from data_contracts.tables.metrics import METRICS
from data_contracts.tables.verdicts import VERDICTS
from tasks.base.roots import check_batch_root, check_output_root, check_root, partition_keys

CHECKS = {"input": check_root, "output": check_output_root, "batch": check_batch_root}


@pytest.mark.parametrize(
    ("given", "takers"),
    [
        pytest.param("s3://site", {"input", "output", "batch"}, id="bucket-alone"),
        pytest.param("s3://site/jobs", {"input", "output", "batch"}, id="prefix"),
        pytest.param("s3://site/env=prod", {"input", "output"}, id="equals-sign"),
        pytest.param("s3://site/env=prod/team=a", {"input", "output"}, id="two-equals-signs"),
        pytest.param("s3://site/a+b", {"input", "output"}, id="plus"),
        pytest.param("s3://site/!$&'()+,-.:;@_~", {"input", "output"}, id="every-sign-that-a-URL-keeps"),
        pytest.param("s3://site/a b", {"input"}, id="space"),
        pytest.param("s3://site/100%", {"input"}, id="percent"),
        pytest.param("s3://site/a%20b", {"input"}, id="percent-that-looks-encoded"),
        pytest.param("s3://site/日本語", {"input"}, id="japanese"),
        pytest.param("s3://site/a#b", {"input"}, id="hash"),
        pytest.param("s3://site/a?b", {"input"}, id="question-mark"),
        pytest.param("s3://site/a*b", {"input", "batch"}, id="star"),
        pytest.param("s3://site/a[b]", {"input"}, id="bracket"),
        pytest.param("s3://site//a", {"input"}, id="empty-folder"),
        pytest.param("s3://site/a=b=c", {"input"}, id="two-signs-in-one-folder"),
        pytest.param("s3://site/a=", {"input"}, id="no-value"),
        pytest.param("s3://site/date=2026", {"input"}, id="name-of-the-partition"),
        pytest.param("s3://site/language=ja", {"input"}, id="name-of-a-column"),
        pytest.param("s3://SITE/a", {"input", "output"}, id="old-bucket-in-upper-case"),
        pytest.param("/data/env=prod", {"input", "output", "batch"}, id="local"),
        pytest.param("/data/a b", {"input", "batch"}, id="local-space"),
        pytest.param("s3://site/a/../b", set(), id="up"),
        pytest.param("s3://site/a\nb", set(), id="line-break"),
        pytest.param("s3://site/a\u202eb", set(), id="right-to-left"),
        pytest.param("s3://arn:aws:s3:ap-northeast-1:123456789012:accesspoint/x", set(), id="access-point-arn"),
        pytest.param("s3://", set(), id="no-bucket"),
        pytest.param("s3:///a", set(), id="empty-bucket"),
        pytest.param("site/a", set(), id="relative"),
        pytest.param("gs://site/a", set(), id="other-store"),
    ],
)
def test_a_root_is_taken_where_everybody_reads_the_same_key(given: str, takers: set[str]) -> None:
    """The input's roots may hold what S3 takes; the output's what a URL keeps; the batch's what Bedrock takes."""
    found = set()
    for name, check in CHECKS.items():
        try:
            assert check(check_root(given)) == given
        except ValueError:
            continue
        found.add(name)
    assert found == takers


@pytest.mark.parametrize("check", [check_output_root, check_batch_root])
@pytest.mark.parametrize(
    ("given", "named"),
    [
        pytest.param("s3://site/a b", "a space", id="space"),
        pytest.param("s3://site/100%", "'%'", id="percent"),
        pytest.param("s3://site/日本語", r"'日' \(U\+65E5\)", id="japanese"),
        pytest.param("s3://site/cafe\u0301", r"U\+0301", id="combining"),
        pytest.param("s3://site/a#b", "'#'", id="hash"),
        pytest.param("s3://site//b", "'//'", id="empty-folder"),
    ],
)
def test_the_character_is_named(check: object, given: str, named: str) -> None:
    """Whoever wrote it is told which character it is, by number where nobody would see it."""
    assert callable(check)
    with pytest.raises(ValueError, match=named):
        check(given)


def test_the_invisible_is_named_by_number() -> None:
    """What nobody sees cannot be shown."""
    with pytest.raises(ValueError, match=r"^U\+200B cannot stand there"):
        check_root("s3://site/a\u200bb")


def test_final_slashes_go() -> None:
    """However many there are."""
    assert check_root("s3://site/env=prod///") == "s3://site/env=prod"
    assert check_root("s3://site/") == "s3://site"


def test_no_folder_has_the_name_of_a_column() -> None:
    """Readers that go by path would take the folder's value for the column's, in every row."""
    for column in (*VERDICTS.names, *METRICS.names):
        with pytest.raises(ValueError, match=f"'{column}=x' has the name of a column"):
            check_output_root(f"s3://site/{column}=x")


def test_keys_are_those_that_polars_finds() -> None:
    """A folder with one equals sign is a key and its value."""
    assert partition_keys("s3://site/env=prod/x/team=a") == ["env", "team"]
    assert partition_keys("s3://site/x") == []
