"""What must hold after a storm, whatever happened in it; each rule returns what it found broken, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl

from benchmarks.storms.answers import JUDGED, Kind, number_of, says, tokens, truth
from benchmarks.storms.memory_bedrock import Said
from benchmarks.storms.site import Site
from data_contracts.documents.balance import Balance
from data_contracts.documents.ledger import EntryState, LedgerEntry, record_id
from data_contracts.documents.plan import PACK_STEP
from data_contracts.tables.comments import REJECTED
from data_contracts.tables.flips import FLIPS
from data_contracts.tables.golden import GOLDEN
from data_contracts.tables.label_requests import LABEL_REQUESTS
from data_contracts.tables.review import REVIEW
from data_contracts.tables.routes import AUDITS
from data_contracts.tables.verdicts import NIGHTS, VERDICTS, Status
from tasks.base.paths import DayPaths, RunPaths
from tasks.ledger.entries import is_live


class Finding(NamedTuple):
    """A broken rule, and how many records it concerns."""

    rule: str
    record_count: int
    detail: str


def check_readers(site: Site, run_date: date) -> Iterator[Finding]:
    """At any moment the lake has no row of the day, or a row for each of the ids that its input had at some time."""
    there = site.verdicts(run_date)["comment_id"].to_list()
    if there and not any(sorted(there) == sorted(ids) for ids in site.past_ids[run_date]):
        yield Finding("half a day", len(there), f"{run_date}: {len(there)} verdicts for no state of the input")


def check_day(site: Site, run_date: date) -> Iterator[Finding]:
    """A day that is published and at rest."""
    verdicts, entries = site.verdicts(run_date), site.ledger(run_date)
    yield from _check_rows(site, run_date, verdicts)
    yield from _check_requests(site, run_date, verdicts)
    yield from _check_answers(site, run_date, verdicts)
    yield from _check_books(site, run_date, entries, verdicts)


def check_succession(site: Site, run_date: date) -> Iterator[Finding]:
    """A day passes from run to run: none takes it from one that works on it, and none publishes over a later one."""
    takings = site.takings.get(DayPaths(site.settings, run_date).lease, [])
    for taking in takings:
        if taking.is_theft:
            sentence = f"{run_date}: {taking.run_id} took the day from {taking.from_run_id}, which works on it"
            yield Finding("two at once", 1, sentence)
    places = {taking.run_id: place for place, taking in enumerate(takings)}
    for table in (VERDICTS, REJECTED, REVIEW, FLIPS, LABEL_REQUESTS, NIGHTS):
        last = ""
        for commit in site.lake.commits(DayPaths(site.settings, run_date).lake(table.name)):
            run_id = commit.note.get("run_id", "")
            if commit.note.get("run_date") != run_date.isoformat() or run_id not in places:
                continue
            if last and places[run_id] < places[last]:
                yield Finding("published over a successor", 1, f"{table.name} of {run_date}: {run_id} after {last}")
            last = run_id


def check_jobs(site: Site, days: list[date]) -> Iterator[Finding]:
    """Every job of Bedrock's has one entry in the ledger, and the other way round."""
    owned = Counter(entry.job_arn for day in days for entry in site.ledger(day) if entry.job_arn)
    made = Counter(job.job_arn for job in site.bedrock.jobs)
    if orphans := made - owned:
        yield Finding("orphaned", sum(orphans.values()), f"jobs that no ledger knows: {sorted(orphans)}")
    if made_up := owned - made:
        yield Finding("made up", sum(made_up.values()), f"entries for jobs that are not: {sorted(made_up)}")


def check_golden(site: Site, run_date: date) -> Iterator[Finding]:
    """Golden items are in jobs alone and nobody's verdict, their table has what the model said, the books are exact."""
    entries = site.ledger(run_date)
    alone = [entry.job_name for entry in entries if entry.golden and entry.mode != "batch"]
    alone += [entry.job_name for entry in entries if entry.golden and entry.golden.record_count == entry.record_count]
    if alone:
        yield Finding("golden items without comments", len(alone), f"{run_date}: {alone}")
    asked, said = golden_records(site, run_date), list(golden_answers(site, run_date))
    rows = {row["item_id"]: row for row in site.rows(GOLDEN, run_date).iter_rows(named=True)}
    if not {asked[answer.record_id] for answer in said if answer.kind in JUDGED} <= set(rows) <= set(asked.values()):
        yield Finding("golden answer lost", 1, f"{run_date}: {sorted(rows)} of {sorted(set(asked.values()))}")
    for answer in said:
        row = rows.get(asked[answer.record_id])
        told = (row["status"], row["violation"], row["category"]) if row else None
        if row and answer.kind in JUDGED and told != (Status.JUDGED, *truth(answer.text)[:2]):
            yield Finding("golden answer lost", 1, f"{run_date}: {told} for {answer}")
    kept = [tokens(says(answer.kind if answer.kind not in JUDGED else Kind.GOOD, answer.text)) for answer in said]
    booked = [entry.usage.golden for entry in entries if entry.usage and entry.usage.golden]
    for place, way in enumerate(("input", "output")):
        spent, told_tokens = sum(each[place] for each in kept), sum(getattr(use, f"{way}_tokens") for use in booked)
        if spent != told_tokens:
            yield Finding("golden booked wrongly", 1, f"{run_date}: {told_tokens} {way} tokens, Bedrock counts {spent}")
    yield from _check_balance(site, run_date)


def count_golden(site: Site, run_date: date) -> int:
    """Golden records that were answered."""
    return sum(1 for _ in golden_answers(site, run_date))


def golden_records(site: Site, run_date: date) -> dict[str, str]:
    """The golden items that a day's entries asked, by record."""
    found: dict[str, str] = {}
    for entry in site.ledger(run_date):
        if entry.golden is not None:
            asked = pl.read_parquet(entry.requests_uri, columns=["record_id", "golden_item_id"]).drop_nulls()
            found |= dict(asked.iter_rows())
    return found


def golden_answers(site: Site, run_date: date) -> Iterator[Said]:
    """What was said of golden items in jobs whose answers were read."""
    asked = golden_records(site, run_date)
    arns = [entry.job_arn for entry in site.ledger(run_date) if entry.usage is not None]
    for arn in arns:
        yield from (answer for answer in site.bedrock.said.get(arn or "", ()) if answer.record_id in asked)


def _check_balance(site: Site, run_date: date) -> Iterator[Finding]:
    """ledger = verdicts + golden + canary + unattributed, to the token and to the picodollar."""
    night = site.night(run_date)
    if night is None:
        return
    books = Balance.model_validate_json(
        Path(RunPaths(site.settings, run_date, night["run_id"]).file("balance.json")).read_bytes()
    ).model_dump()
    for what in ("input_tokens", "output_tokens", "cost_usd"):
        whole, *parts = (
            None if (value := books[f"{part}_{what}"]) is None else round(value * (10**12 if what == "cost_usd" else 1))
            for part in ("ledger", "verdict", "golden", "canary", "unattributed")
        )
        if None not in (whole, *parts) and whole != sum(part or 0 for part in parts):
            yield Finding("unbalanced", 1, f"{run_date}: {what} {whole} are not {parts}")


def check_paid_once(site: Site, days: list[date]) -> Iterator[Finding]:
    """At most one batch-paid answer per (record, attempt), and none after one that a verdict could be read from."""
    for day in days:
        by_attempt: Counter[tuple[str, str, int]] = Counter()
        good: Counter[tuple[str, str]] = Counter()
        entries = {entry.job_arn: entry for entry in site.ledger(day) if entry.job_arn}
        for arn, said in site.bedrock.said.items():
            if arn not in entries:
                continue
            requests = pl.read_parquet(entries[arn].requests_uri)
            asked = requests.sort("record_id").select(pl.coalesce("asked_as", "record_id"), "attempt", "text_sha256")
            attempts = {row: (attempt, sha256) for row, attempt, sha256 in asked.iter_rows()}
            for answer in said:
                if answer.kind is not Kind.ERROR:
                    attempt, sha256 = attempts[answer.record_id]
                    by_attempt[answer.record_id, sha256, attempt] += 1
                    good[answer.record_id, sha256] += answer.kind in JUDGED
        for rule, counts in (("an attempt paid twice", by_attempt), ("paid after a good answer", good)):
            if again := sum(count - 1 for count in counts.values() if count > 1):
                yield Finding(rule, again, f"{day}: {again} answers")


def check_calls(site: Site, days: list[date]) -> Iterator[Finding]:
    """The books know of every single call that was made."""
    entries = [entry for day in days for entry in site.ledger(day)]
    booked = [entry.usage for entry in entries if entry.mode == "on_demand" and entry.usage]
    recorded = sum(usage.answered_count + usage.repeated_call_count + usage.lost_call_count for usage in booked)
    recorded += sum(entry.call_count for entry in entries if entry.mode == "canary")
    made = sum(site.bedrock.calls.values())
    if made > recorded:
        yield Finding("not booked", made - recorded, f"{made} calls, {recorded} on record")


def count_repeated_calls(site: Site, days: list[date]) -> int:
    """Single calls that were made again though Bedrock had answered them."""
    entries = [entry for day in days for entry in site.ledger(day) if entry.mode != "batch"]
    return sum(site.bedrock.calls.values()) - sum(entry.usage.answered_count for entry in entries if entry.usage)


def _check_rows(site: Site, run_date: date, verdicts: pl.DataFrame) -> Iterator[Finding]:
    expected, found = site.valid_ids(run_date), verdicts["comment_id"].to_list()
    if lost := expected - set(found):
        yield Finding("lost", len(lost), f"{run_date}: no verdict for {sorted(lost)[:5]}")
    if len(found) != len(set(found)) or set(found) - expected:
        yield Finding("made up", len(found) - len(expected), f"{run_date}: {len(found)} verdicts")
    night = site.night(run_date)
    if night is None:
        yield Finding("not published", len(expected), f"{run_date}: no row in nights")
        return
    if night["ingested_count"] != site.input(run_date).height or night["valid_count"] != len(expected):
        yield Finding("unbalanced", 1, f"{run_date}: {night}")
    for table in (VERDICTS, REJECTED, REVIEW, FLIPS, LABEL_REQUESTS):
        rows = verdicts if table is VERDICTS else site.rows(table, run_date)
        plain = Path(DayPaths(site.settings, run_date).plain(table.name))
        if not pl.read_parquet(plain).sort(table.key).equals(rows):
            yield Finding("plain object differs", 1, str(plain))
        if set(rows["run_id"]) - {night["run_id"]}:
            yield Finding("published by two runs", 1, f"{table.name} of {run_date}: {set(rows['run_id'])}")


def _check_requests(site: Site, run_date: date, verdicts: pl.DataFrame) -> Iterator[Finding]:
    """The sample stands for the judged comments, each of them once."""
    judged = verdicts.filter(pl.col("status") == Status.JUDGED)
    requests = site.rows(LABEL_REQUESTS, run_date)
    weight = float((1 / requests["inclusion_probability"]).sum())
    if abs(weight - judged.height) > 1e-6:
        yield Finding("a sample of other comments", 1, f"{run_date}: {weight} of {judged.height} judged")
    if unknown := set(requests["comment_id"]) - set(judged["comment_id"]):
        yield Finding("asked for no verdict's label", len(unknown), f"{run_date}: {sorted(unknown)[:5]}")


def _check_answers(site: Site, run_date: date, verdicts: pl.DataFrame) -> Iterator[Finding]:
    """Judged is what the model truly said, anything else has no verdict, and no good answer is left unused.

    An audit whose model refuses publishes the refusal: what the step said before stands in the table of audits.
    """
    texts = {row["comment_id"]: row["text"] for row in site.input(run_date).iter_rows(named=True)}
    verdicts = verdicts.filter(pl.col("comment_id").is_in(list(texts)))  # others are found to be made up
    wrong = []
    for row in verdicts.iter_rows(named=True):
        verdict = (row["violation"], row["category"], row["confidence"])
        right = tuple(truth(texts[row["comment_id"]])) if row["status"] == Status.JUDGED else (None, None, None)
        if verdict != right:
            wrong.append(row["comment_id"])
    if wrong:
        yield Finding("wrong verdict", len(wrong), f"{run_date}: {wrong[:5]}")
    arns = {entry.job_arn for entry in site.ledger(run_date)}
    well = {
        (said.record_id, number_of(said.text))
        for arn, answers in site.bedrock.said.items()
        if arn in arns
        for said in answers
        if said.kind in JUDGED
    }
    well |= set(_packed_well(site, run_date))
    kept_in_audits = {
        row["comment_id"]
        for row in site.rows(AUDITS, run_date).iter_rows(named=True)
        if row["comment_id"] in texts and (row["violation"], row["category"]) == truth(texts[row["comment_id"]])[:2]
    }
    unused = [
        row["comment_id"]
        for row in verdicts.iter_rows(named=True)
        if row["status"] != Status.JUDGED
        and row["comment_id"] not in kept_in_audits
        and (record_id(run_date, row["comment_id"]), number_of(texts[row["comment_id"]])) in well
    ]
    if unused:
        yield Finding("answer lost", len(unused), f"{run_date}: paid and not published: {unused[:5]}")


def _packed_well(site: Site, run_date: date) -> Iterator[tuple[str, int]]:
    """Record id and number of each comment that a pack was answered for."""
    for entry in site.ledger(run_date):
        said = {one.record_id: one for one in site.bedrock.said.get(entry.job_arn or "", ()) if one.kind in JUDGED}
        if entry.step == PACK_STEP:
            requests = pl.read_parquet(entry.requests_uri).sort("asked_as", "slot")
            for (pack,), rows in requests.group_by("asked_as", maintain_order=True):
                if pack in said:
                    yield from zip(rows["record_id"], map(number_of, said[str(pack)].packed), strict=True)


def _check_books(site: Site, run_date: date, entries: list[LedgerEntry], verdicts: pl.DataFrame) -> Iterator[Finding]:
    # Nobody waits for a canary that was cut off: its calls are on record, what they cost is not known. An intent that
    # the deadline left behind was never asked: the records are missing, and a later run may ask for them.
    open_entries = [entry.job_name for entry in entries if is_live(entry) and entry.state is not EntryState.INTENDED]
    if open_entries:
        yield Finding("not booked", len(open_entries), f"{run_date}: {open_entries}")
        return
    for entry in entries:
        booked = (entry.usage.input_tokens, entry.usage.output_tokens) if entry.usage else (0, 0)
        if entry.mode == "batch" and booked != site.bedrock.spent.get(entry.job_arn or "", (0, 0)):
            spent = site.bedrock.spent.get(entry.job_arn or "")
            yield Finding("booked wrongly", 1, f"{entry.job_name}: {booked}, Bedrock counts {spent}")
    night = site.night(run_date) or {}
    for way in ("input", "output"):
        booked_tokens = sum(getattr(entry.usage, f"{way}_tokens") for entry in entries if entry.usage)
        loose = sum(getattr(entry.usage, f"unattributed_{way}_tokens") for entry in entries if entry.usage)
        carried = int(verdicts[f"{way}_tokens"].sum() or 0)
        if night.get(f"{way}_tokens") != booked_tokens or carried + loose > booked_tokens:
            yield Finding("unbalanced", 1, f"{run_date}: {way} tokens {night} {booked_tokens} {carried} {loose}")
