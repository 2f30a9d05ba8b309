"""Every key that the project reads or writes; no other module puts one together.

    {COMMENTS_URI}/date=D/                     the day's comments (read only), by the rule of `intake/input_files`
    {LABELS_URI}/date=D/                       human labels of the day's comments, by the same rule; no night writes:
                                               import-HASH.parquet comes by `labels import`, review-RATER.parquet by
                                               `labels review`, RATER being a hash of the name

    {OUTPUT_URI}/
      lake/{verdicts,rejected,review,flips,metrics,nights,label_requests,golden}/   Delta, by date: the truth
      verdicts/date=D/verdicts.parquet         the current day for plain readers, written after the commit
      rejected/date=D/rejected.parquet
      review/date=D/review.parquet
      metrics/date=D/metrics.parquet
      runs/D/RUN_ID/                           plan.json, balance.json, summary.json, report.html, ledger.json,
                                               confusion.json, quality.json, expectations.json,
                                               data_docs/index.html; of a day that was published before flips.json;
                                               golden.json, why.json, stopped.json, restore.json
      runs/D/RUN_ID/work/                      the run's scratch frames, deleted when it ends
      ledger/D/KEY.json                        intents and jobs, shared by all runs of the day
      requests/D/KEY.parquet                   what each shard asked, without text
      answers/D/KEY.parquet                    what each job answered, without text
      state/lease/D.json                       which run works on the day
      state/lease/backfill.json                which backfill is at work: one at a time
      state/alerts/groups/GROUP.json           what is open, what was told, what is still to be sent, until when a
                                               person asked for silence: quality, outputs, inputs, pipeline, money
      state/alerts/watchdog.json               the first published day that the watchdog ever saw
      state/alerts/{D,incidents,late_input,unread_input,lifecycle}.json
                                               what earlier versions told each channel: read once, never written
      state/labels/D.json                      the label objects that the day was last measured with, and counts of
                                               what they said
      state/usage/D.json                       what the day's requests used, by language: later estimates learn from it
      state/preflight/D.probe                  written, read and deleted again before the work
      state/vocabulary/D.parquet               the words of one of the first published days
      state/texts/D.parquet                    how its texts are written, as hashed counts: text_shift starts from there
      state/cells/D.json                       the day's verdicts counted by kind of comment and version
      state/golden/D.json                      what the golden pack was answered that night, by item
      state/golden/first/KEY16.json            its frozen answers: the first under a model, a prompt and a pack
      state/erasures/D/HASH.json               which comments of the day were erased, by hash: validate keeps them out
      state/champion.json                      who judges where the settings say `champion`, and who did before
      state/rebaselined.json                   which changes were wanted: nights since are compared among themselves
      state/backfills/ID.json                  what a backfill was asked for, by whom and why, and which days are done
      state/restores/D.json                    that the day was brought back from an earlier version, and why
      state/classifier/vN.json                 a version of the classifier, and what is proved of it
      state/classifier/arrays/SHA256.npz       its weights; neither holds a text
      state/salt.json                          what samples are drawn by, unless SAMPLING_SALT is set
      evaluation/sets/NAME/vN.parquet          labelled comments, with text; never changed but by an erasure
      evaluation/{ledger,requests,answers}/NAME/   as of a day, of the set's evaluations; NAME.optimise and
                                               NAME.optimize-prompt: what was asked for a better guideline;
                                               explanations.D, opinion.D, NAME.pairs: of a judge;
                                               NAME.v: of who wrote its variants; night-D: of a challenger on a night
      evaluation/prompts/SHA256.md             each prompt that was asked
      evaluation/comparisons/ID.json           champion against challenger
      evaluation/drafts/ID.{md,json}           prompts that an optimisation drafted, and what it tried
      evaluation/judgements/ID.json            what a judge model says of a night's explanations, or of two candidates'
      state/lease/evaluation-NAME.json         which run evaluates the set
      label_requests/date=D/label_requests.parquet    whose labels are asked for

    {BATCH_URI}/D/preflight.probe                 written, read and deleted again before the work
    {BATCH_URI}/D/KEY16/input/shard-NNNNN.jsonl   one clean folder per job: Bedrock reads every .jsonl below it
    {BATCH_URI}/D/KEY16/output/on-demand/...      RECORD.N.call and RECORD.jsonl.out, where there was no job
    {BATCH_URI}/evaluation/NAME/KEY16/...         as of a day, of a set's evaluations; deleted once collected
    {BATCH_URI}/D/KEY16/output/JOB_ID/...         Bedrock forbids '=' in its URIs, so no Hive paths here

D is the run date, YYYY-MM-DD, in the settings' time zone; KEY is the shard's ledger key, KEY16 its first 16 digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tasks.base.settings import Settings


def lake(settings: Settings, table: str) -> str:
    """Root of a Delta table."""
    return f"{settings.output_uri}/lake/{table}"


def backfills(settings: Settings) -> str:
    """Folder of all backfills' records."""
    return f"{settings.output_uri}/state/backfills"


def backfill(settings: Settings, backfill_id: str) -> str:
    """What is on record about a backfill."""
    return f"{backfills(settings)}/{backfill_id}.json"


def leases(settings: Settings) -> str:
    """Folder of all days' leases."""
    return f"{settings.output_uri}/state/lease"


def backfill_lease(settings: Settings) -> str:
    """Which backfill is at work."""
    return f"{leases(settings)}/backfill.json"


def alert_group(settings: Settings, group: str) -> str:
    """What is on record about a group of alerts."""
    return f"{settings.output_uri}/state/alerts/groups/{group}.json"


def first_night(settings: Settings) -> str:
    """The first published day that the watchdog ever saw; earlier versions kept there what they told, too."""
    return former_alerts(settings, "watchdog")


def former_alerts(settings: Settings, name: str) -> str:
    """What an earlier version told each channel: `incidents`, `watchdog`, `late_input`, a day ..."""
    return f"{settings.output_uri}/state/alerts/{name}.json"


def classifiers(settings: Settings) -> str:
    """Folder of the classifier's versions."""
    return f"{settings.output_uri}/state/classifier"


def classifier_version(settings: Settings, number: int) -> str:
    """One version of the classifier."""
    return f"{classifiers(settings)}/v{number}.json"


def classifier_arrays(settings: Settings, sha256: str) -> str:
    """What a version of the classifier has learnt."""
    return f"{classifiers(settings)}/arrays/{sha256}.npz"


def salt_file(settings: Settings) -> str:
    """What samples are drawn by."""
    return f"{settings.output_uri}/state/salt.json"


def champion_file(settings: Settings) -> str:
    """Who judges where the settings say `champion`."""
    return f"{settings.output_uri}/state/champion.json"


def rebaselined(settings: Settings) -> str:
    """Which changes were accepted as what is normal now."""
    return f"{settings.output_uri}/state/rebaselined.json"


def erasures(settings: Settings) -> str:
    """Folder of all days' erasures."""
    return f"{settings.output_uri}/state/erasures"


@dataclass(frozen=True)
class DayPaths:
    """The keys of one day, whichever run writes them."""

    settings: Settings
    run_date: date

    @property
    def comments(self) -> str:
        """Folder of the day's comments."""
        return f"{self.settings.comments_uri}/date={self.run_date}"

    @property
    def labels(self) -> str:
        """Folder of the labels of the day's comments."""
        return f"{self.settings.labels_uri}/date={self.run_date}"

    def review(self, digest: str) -> str:
        """One rater's answers on the reviewer's page."""
        return f"{self.labels}/review-{digest}.parquet"

    def lake(self, table: str) -> str:
        """Root of a Delta table."""
        return lake(self.settings, table)

    def lake_day(self, table: str) -> str:
        """Folder of the day's files in a Delta table, the old ones included."""
        return f"{self.lake(table)}/date={self.run_date}"

    def plain(self, table: str) -> str:
        """The current day of a table as one Parquet object."""
        return f"{self.settings.output_uri}/{table}/date={self.run_date}/{table}.parquet"

    @property
    def ledger(self) -> str:
        """Folder of the day's ledger entries."""
        return f"{self.settings.output_uri}/ledger/{self.run_date}"

    def entry(self, key: str) -> str:
        """One ledger entry."""
        return f"{self.ledger}/{key}.json"

    def requests(self, key: str) -> str:
        """What a shard asked."""
        return f"{self.requests_folder}/{key}.parquet"

    @property
    def requests_folder(self) -> str:
        """Folder of what the day's shards asked."""
        return f"{self.settings.output_uri}/requests/{self.run_date}"

    def answers(self, key: str) -> str:
        """What a job answered."""
        return f"{self.answers_folder}/{key}.parquet"

    @property
    def answers_folder(self) -> str:
        """Folder of what the day's jobs answered."""
        return f"{self.settings.output_uri}/answers/{self.run_date}"

    def batch_input(self, key: str, shard: int) -> str:
        """A job's input file."""
        return f"{self.settings.batch_uri}/{self.run_date}/{key[:16]}/input/shard-{shard:05d}.jsonl"

    def batch_output(self, key: str) -> str:
        """The folder below which Bedrock makes one of its own for the job; with the final slash that it wants."""
        return f"{self.settings.batch_uri}/{self.run_date}/{key[:16]}/output/"

    @property
    def batch(self) -> str:
        """Folder of the day's batch files, of all its jobs."""
        return f"{self.settings.batch_uri}/{self.run_date}"

    @property
    def runs(self) -> str:
        """Folder of the day's runs."""
        return f"{self.settings.output_uri}/runs/{self.run_date}"

    def is_frame(self, uri: str) -> bool:
        """Whether an object is a scratch frame of one of the day's runs: it holds the comments' text."""
        return uri.startswith(f"{self.runs}/") and uri.removeprefix(f"{self.runs}/").split("/")[1:2] == ["work"]

    @property
    def erasures(self) -> str:
        """Folder of the day's erasures."""
        return f"{erasures(self.settings)}/{self.run_date}"

    def erasure(self, digest: str) -> str:
        """The record of one erased comment."""
        return f"{self.erasures}/{digest}.json"

    def restore(self) -> str:
        """The day's last restore."""
        return f"{self.settings.output_uri}/state/restores/{self.run_date}.json"

    @property
    def lease(self) -> str:
        """Which run works on the day."""
        return f"{leases(self.settings)}/{self.run_date}.json"

    @property
    def probes(self) -> tuple[str, str]:
        """Objects that show whether OUTPUT_URI and BATCH_URI can be worked in."""
        return f"{self.settings.output_uri}/state/preflight/{self.run_date}.probe", f"{self.batch}/preflight.probe"

    @property
    def usages(self) -> str:
        """Folder of what the days' requests used."""
        return f"{self.settings.output_uri}/state/usage"

    def usage(self) -> str:
        """What the day's requests used."""
        return f"{self.usages}/{self.run_date}.json"

    def labels_state(self) -> str:
        """The label objects that the day was last measured with."""
        return f"{self.settings.output_uri}/state/labels/{self.run_date}.json"

    @property
    def all_cells(self) -> str:
        """Folder of the days' verdicts in counts."""
        return f"{self.settings.output_uri}/state/cells"

    def cells(self) -> str:
        """The day's verdicts in counts."""
        return f"{self.all_cells}/{self.run_date}.json"

    @property
    def golden_nights(self) -> str:
        """Folder of what the golden pack was answered, an object a night."""
        return f"{self.settings.output_uri}/state/golden"

    def golden_night(self) -> str:
        """What the golden pack was answered that night."""
        return f"{self.golden_nights}/{self.run_date}.json"

    def golden_first(self, setup_key: str) -> str:
        """The frozen answers of a setup."""
        return f"{self.golden_nights}/first/{setup_key[:16]}.json"

    @property
    def vocabularies(self) -> str:
        """Folder of the days' vocabularies."""
        return f"{self.settings.output_uri}/state/vocabulary"

    def vocabulary(self) -> str:
        """The day's vocabulary."""
        return f"{self.vocabularies}/{self.run_date}.parquet"

    @property
    def centroids(self) -> str:
        """Folder of the first days' centroids."""
        return f"{self.settings.output_uri}/state/texts"

    def centroid(self) -> str:
        """The day's centroid."""
        return f"{self.centroids}/{self.run_date}.parquet"


@dataclass(frozen=True)
class EvaluationPaths(DayPaths):
    """The keys of one set's evaluation: those of a day, in folders of its own, so that no night ever meets them."""

    set_name: str

    @property
    def root(self) -> str:
        """All that evaluations keep."""
        return f"{self.settings.output_uri}/evaluation"

    @property
    def versions(self) -> str:
        """Folder of the set's versions."""
        return f"{self.root}/sets/{self.set_name}"

    def version(self, number: int) -> str:
        """One version of the set."""
        return f"{self.versions}/v{number}.parquet"

    def prompt(self, sha256: str) -> str:
        """A prompt that was asked."""
        return f"{self.root}/prompts/{sha256}.md"

    @property
    def comparisons(self) -> str:
        """Folder of all sets' comparisons."""
        return f"{self.root}/comparisons"

    def comparison(self, comparison_id: str) -> str:
        """One comparison."""
        return f"{self.comparisons}/{comparison_id}.json"

    def judgement(self, judgement_id: str) -> str:
        """What a judge said of explanations: of a day, or of two candidates."""
        return f"{self.root}/judgements/{judgement_id}.json"

    def draft(self, draft_id: str, form: str) -> str:
        """A drafted prompt (`md`), and what is on record about it (`json`)."""
        return f"{self.root}/drafts/{draft_id}.{form}"

    @property
    def ledger(self) -> str:
        """Folder of the set's ledger entries."""
        return f"{self.root}/ledger/{self.set_name}"

    def requests(self, key: str) -> str:
        """What a shard asked."""
        return f"{self.root}/requests/{self.set_name}/{key}.parquet"

    def answers(self, key: str) -> str:
        """What a job answered."""
        return f"{self.root}/answers/{self.set_name}/{key}.parquet"

    @property
    def batch(self) -> str:
        """Folder of the set's batch files."""
        return f"{self.settings.batch_uri}/evaluation/{self.set_name}"

    def batch_input(self, key: str, shard: int) -> str:
        """A job's input file."""
        return f"{self.batch}/{key[:16]}/input/shard-{shard:05d}.jsonl"

    def batch_output(self, key: str) -> str:
        """The folder below which Bedrock makes one of its own for the job."""
        return f"{self.batch}/{key[:16]}/output/"

    @property
    def lease(self) -> str:
        """Which run evaluates the set."""
        return f"{leases(self.settings)}/evaluation-{self.set_name}.json"


@dataclass(frozen=True)
class RunPaths(DayPaths):
    """The keys of one run of a day."""

    run_id: str

    @property
    def root(self) -> str:
        """The run's own folder."""
        return f"{self.settings.output_uri}/runs/{self.run_date}/{self.run_id}"

    def file(self, name: str) -> str:
        """A document of the run: plan.json, balance.json, summary.json, report.html, confusion.json ..."""
        return f"{self.root}/{name}"

    def work(self, name: str) -> str:
        """A scratch frame of the run."""
        return f"{self.root}/work/{name}.parquet"

    @property
    def work_folder(self) -> str:
        """Folder of the run's scratch frames."""
        return f"{self.root}/work"
