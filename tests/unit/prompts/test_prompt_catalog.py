"""The catalog over time: versions that are frozen, what earlier nights used, and how it is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

import prompts
from data_contracts.tables.verdicts import NIGHTS
from prompts import PromptFileError
from prompts.freeze import HASHES, check_frozen, freeze, frozen
from prompts.golden import packs
from tasks import adapters
from tasks.base.errors import PromptInvalid, WrongUsage
from tasks.base.paths import DayPaths
from tasks.batch.estimate.rates import prompt_tokens
from tasks.intake.ingest import ingest
from tasks.intake.prompt_history import check_prompt, check_unchanged
from tasks.ledger.entries import write_intent
from tasks.ledger.nights import Use, prompt_uses
from tasks.reports.prompt_list import Terms, describe_catalog, diff, dollars_per_million
from tests import factories

FILE = """---
id: tiny
version: {version}
language: en
families: [claude]
max_tokens: 100
temperature: 0.0
categories: [spam, hate, none]
{notes}---
# system
{system}
# user
<comment>
{{{{comment}}}}
</comment>
"""
TERMS = Terms("global.anthropic.claude-haiku-4-5-20251001-v1:0", "tiny", "v1")
DAY = date(2026, 11, 19)


def write(catalog: Path, version: str, system: str = "Judge the comment.", notes: str = "") -> str:
    """Add a version of `tiny` to a catalog and return its hash."""
    (catalog / "tiny").mkdir(exist_ok=True)
    text = FILE.format(version=version, system=system, notes=f"notes: {notes}\n" if notes else "")
    (catalog / "tiny" / f"{version}.md").write_text(text, encoding="utf-8")
    return prompts.load("tiny", version, catalog).sha256


def test_every_shipped_version_is_frozen_as_it_is() -> None:
    """A version's file has the hash that is on record, from its first day on; so has a golden pack."""
    assert check_frozen() == {}, "run `python -m flows prompts --freeze` for a new version"
    assert set(frozen()) == {"/".join(each) for each in prompts.versions()} | {name for name, _ in packs()}


def test_every_shipped_version_says_why_it_exists() -> None:
    """Each version has notes."""
    assert all(prompts.load(*each).notes.strip() for each in prompts.versions())


def test_notes_are_no_part_of_the_hash(tmp_path: Path) -> None:
    """A note may be added to a version that has judged; any other change is another prompt."""
    bare = write(tmp_path, "v1")
    assert bare == factories.prompt().sha256
    assert write(tmp_path, "v1", notes="it was the first") == bare
    assert prompts.load("tiny", "v1", tmp_path).notes == "it was the first"
    assert write(tmp_path, "v1", system="Judge it.") != bare


def test_versions_come_by_number(tmp_path: Path) -> None:
    """v10 follows v2."""
    for version in ("v10", "v2", "v1"):
        write(tmp_path, version)
    assert prompts.versions(tmp_path) == [("tiny", "v1"), ("tiny", "v2"), ("tiny", "v10")]


def test_freezing_adds_what_is_new(tmp_path: Path) -> None:
    """New versions enter the hash file once, and those that stand there stay."""
    first = write(tmp_path, "v1")
    assert freeze(tmp_path) == {"tiny/v1": first}
    second = write(tmp_path, "v2", system="Judge it.")
    assert freeze(tmp_path) == {"tiny/v2": second}
    assert freeze(tmp_path) == {}
    assert frozen(tmp_path) == {"tiny/v1": first, "tiny/v2": second}
    assert (tmp_path / HASHES).read_text().startswith("# Every prompt version")


def test_a_frozen_version_cannot_change(tmp_path: Path) -> None:
    """A changed file is refused with both hashes, and nothing is added beside it."""
    before = write(tmp_path, "v1")
    freeze(tmp_path)
    after = write(tmp_path, "v1", system="Judge kindly.")
    write(tmp_path, "v2")
    with pytest.raises(PromptFileError, match=rf"tiny/v1 is frozen with {before}.* has {after}"):
        freeze(tmp_path)
    assert frozen(tmp_path) == {"tiny/v1": before}


def test_a_frozen_version_cannot_go(tmp_path: Path) -> None:
    """Verdicts name it: its file has to stay."""
    write(tmp_path, "v1")
    freeze(tmp_path)
    (tmp_path / "tiny" / "v1.md").unlink()
    with pytest.raises(PromptFileError, match=r"tiny/v1 is frozen .*gone"):
        check_frozen(tmp_path)


@pytest.mark.parametrize("text", [pytest.param("not toml", id="no-toml"), pytest.param("v1 = 1", id="no-hash")])
def test_a_broken_hash_file_is_told(tmp_path: Path, text: str) -> None:
    """The error names the file."""
    (tmp_path / HASHES).write_text(text)
    with pytest.raises(PromptFileError, match=HASHES):
        frozen(tmp_path)


def night(day: int, sha256: str, version: str = "v1") -> factories.Row:
    counts = {column.name: 0 for column in NIGHTS if column.dtype == pl.Int64()}
    names = {column.name: "x" for column in NIGHTS if column.dtype == pl.String()}
    return {
        **names,
        **counts,
        "date": date(2026, 11, day),
        "published_at": factories.NOW,
        "run_id": f"run-{day}",
        "prompt_version": version,
        "prompt_sha256": sha256,
    }


def nights(*rows: factories.Row) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=NIGHTS.polars_schema)


def test_uses_are_counted_by_version_and_hash() -> None:
    """First and last date, number of nights and the last night's run."""
    frame = nights(night(3, "a"), night(1, "a"), night(2, "a"), night(4, "b", "v2"))
    assert prompt_uses(frame.lazy()) == [
        Use("v1", "a", 3, date(2026, 11, 1), date(2026, 11, 3), "run-3"),
        Use("v2", "b", 1, date(2026, 11, 4), date(2026, 11, 4), "run-4"),
    ]


USED = Use("v1", "old", 2, date(2026, 11, 1), date(2026, 11, 2), "run-2")


@pytest.mark.parametrize(
    ("use", "known", "is_refused"),
    [
        pytest.param(USED, {}, True, id="another-text"),
        pytest.param(USED._replace(sha256="new"), {}, False, id="the-same-text"),
        pytest.param(USED._replace(version="v2"), {}, False, id="another-version"),
        pytest.param(USED, {"other/v1": "old"}, False, id="another-prompt-of-that-version"),
        pytest.param(USED, {"tiny/v1": "old"}, True, id="frozen-and-changed"),
    ],
)
def test_a_used_version_cannot_change(use: Use, known: dict[str, str], is_refused: bool) -> None:
    """What published nights were judged with under a version is what that version has to be."""
    if not is_refused:
        check_unchanged("tiny/v1", "new", [use], [], known)
        return
    with pytest.raises(PromptInvalid, match=r"tiny/v1 has hash new, but the nights of 2026-11-01 to 2026-11-02 .*old"):
        check_unchanged("tiny/v1", "new", [use], [], known)


def test_a_version_that_a_job_asks_with_cannot_change() -> None:
    """The day's own ledger counts before anything of it is published; another prompt's jobs do not."""
    asked = factories.ledger_entry(prompt_name="tiny", prompt_sha256="old")
    with pytest.raises(PromptInvalid, match=rf"new, but job {asked.job_name} asks with old"):
        check_unchanged("tiny/v1", "new", [], [asked], {})
    check_unchanged("tiny/v1", "new", [], [asked.model_copy(update={"prompt_name": "other"})], {})


def test_the_plan_of_a_changed_prompt_is_refused(tmp_path: Path) -> None:
    """The check reads the nights table and the ledger; where neither is, nothing is held against the prompt."""
    outside, paths = factories.local_adapters(), DayPaths(factories.settings(tmp_path), DAY)
    check_prompt(outside, paths, "tiny/v1", "new")
    batches = nights(night(18, "new")).to_arrow().cast(NIGHTS.arrow_schema).to_batches()
    outside.lake.replace_day(paths.lake("nights"), NIGHTS, date(2026, 11, 18), batches, {})
    check_prompt(outside, paths, "tiny/v1", "new")
    with pytest.raises(PromptInvalid, match=r"hash newer, but the nights .* with new"):
        check_prompt(outside, paths, "tiny/v1", "newer")
    write_intent(outside.storage, paths, factories.ledger_entry(key="k", prompt_name="tiny", prompt_sha256="older"))
    with pytest.raises(PromptInvalid, match="asks with older"):
        check_prompt(outside, paths, "tiny/v1", "new")


def test_the_listing_tells_all_of_a_version(tmp_path: Path) -> None:
    """Hash, parameters, tokens, dollars, uses, notes; below, what the figures rest on and how to go back."""
    first = write(tmp_path, "v1", notes="the first")
    freeze(tmp_path)
    second = write(tmp_path, "v2", system="Judge it.")
    uses = [USED._replace(sha256=first), USED._replace(sha256="lost", version="v9")]
    listing = describe_catalog(TERMS, uses, tmp_path)
    one, two, footer = listing.split("\n\n")
    assert one.startswith("tiny/v1   (active)\n")
    assert f"{first}   (frozen)" in one
    assert "families claude; max_tokens 100; temperature 0" in one
    assert "spam, hate, none" in one
    assert "2 nights, 2026-11-01 to 2026-11-02 (last run run-2)" in one
    assert "the first" in one
    assert f"{second}   (not frozen)" in two
    assert "never" in two
    assert "v9 with hash lost judged 2 nights" in footer
    assert "estimated" in footer
    assert "MODERATION_PROMPT_VERSION" in footer


def test_a_listing_without_history_says_so(tmp_path: Path) -> None:
    """Why the uses are unknown stands in the footer."""
    write(tmp_path, "v1")
    listing = describe_catalog(TERMS, "MODERATION_OUTPUT_URI is not set", tmp_path)
    assert "used         unknown" in listing
    assert "unknown: MODERATION_OUTPUT_URI is not set" in listing


def test_a_listing_shows_a_changed_version(tmp_path: Path) -> None:
    """A version that is not what is frozen is marked, not hidden behind an error."""
    before = write(tmp_path, "v1")
    freeze(tmp_path)
    write(tmp_path, "v1", system="Judge kindly.")
    assert f"CHANGED: frozen as {before}" in describe_catalog(TERMS, [], tmp_path)


def test_dollars_are_of_a_million_average_comments() -> None:
    """Batch price, 40 tokens a comment and the estimated answer; unknown for a model without a price."""
    prompt = factories.prompt()
    constant = 1_000_000 * prompt_tokens(prompt.system + prompt.user)
    expected = (constant + 40_000_000) * 0.5 / 1e6 + 60_000_000 * 2.5 / 1e6
    assert dollars_per_million(prompt, TERMS) == pytest.approx(expected)
    assert dollars_per_million(prompt, TERMS._replace(model_id="anthropic.claude-unlisted")) is None


def test_an_unsupported_model_is_wrong_usage(tmp_path: Path) -> None:
    """The listing is for the settings' model, so it has to be one."""
    write(tmp_path, "v1")
    with pytest.raises(WrongUsage, match="MODERATION_MODEL_ID"):
        describe_catalog(TERMS._replace(model_id="nobody.knows"), [], tmp_path)


def test_a_diff_includes_the_front_matter(tmp_path: Path) -> None:
    """A unified diff of both files, by version or by name and version; equal files have none."""
    write(tmp_path, "v1")
    write(tmp_path, "v2", system="Judge it.")
    lines = diff("v1", "tiny/v2", "tiny", tmp_path).splitlines()
    assert lines[:2] == ["--- tiny/v1", "+++ tiny/v2"]
    assert {"-version: v1", "+version: v2", "-Judge the comment.", "+Judge it."} <= set(lines)
    assert diff("v1", "v1", "tiny", tmp_path) == ""
    with pytest.raises(PromptFileError, match="no prompt tiny/v3"):
        diff("v1", "v3", "tiny", tmp_path)


def test_the_night_asks_before_it_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ingest refuses a prompt that earlier nights knew with another text, and no plan is written."""
    outside, settings = factories.local_adapters(), factories.settings(tmp_path)
    monkeypatch.setattr(adapters, "connect", lambda _: outside)
    paths = DayPaths(settings, DAY)
    Path(paths.comments).mkdir(parents=True)
    factories.comments({}).write_parquet(f"{paths.comments}/part-0.parquet")
    batches = nights(night(18, "another")).to_arrow().cast(NIGHTS.arrow_schema).to_batches()
    outside.lake.replace_day(paths.lake("nights"), NIGHTS, date(2026, 11, 18), batches, {})
    with pytest.raises(PromptInvalid, match="another"):
        ingest.fn(settings, DAY, "run-1", factories.NOW)
    assert outside.storage.list(paths.runs) == []
