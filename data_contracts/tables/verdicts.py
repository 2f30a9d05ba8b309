"""The verdicts that are published, and the answers and nights that they rest on."""

from __future__ import annotations

from enum import StrEnum

import polars as pl

from data_contracts.documents.ledger import EstimateSource
from data_contracts.tables.table import UTC_MICROSECONDS, Column, Table


class Status(StrEnum):
    """What became of a comment; only a `judged` one has a verdict, and none of the others means "fine"."""

    JUDGED = "judged"
    #: the model declined to answer
    REFUSED = "refused"
    #: an answer came that the contract does not accept
    MALFORMED = "malformed"
    #: Bedrock reported an error for the record
    ERROR = "error"
    #: no answer came
    MISSING = "missing"


class DecidedBy(StrEnum):
    """Who or what decided."""

    MODEL = "model"
    #: an equal text of the same day was judged, and this one inherits status and verdict at no cost
    DUPLICATE = "duplicate"
    #: an equal text of an earlier day was judged under the same policy
    CACHE = "cache"
    #: it stands whole in a closed list
    RULE = "rule"
    CLASSIFIER = "classifier"


class DecidingStep(StrEnum):
    """The step of the policy that decided; where it was audited, the model's answer is published and this stays."""

    CACHE = "cache"
    RULE = "rule"
    CLASSIFIER = "classifier"
    LIGHT = "light"
    MODEL = "model"


#: Longest explanation, in characters, that is kept.
MAX_EXPLANATION_CHARS = 200

_STRING, _INT, _FLOAT, _BOOL = pl.String(), pl.Int64(), pl.Float64(), pl.Boolean()

_UNLESS_JUDGED = "`status` is not judged: a comment without a verdict is not fine, it is unknown"
_OUTCOME = (
    Column("status", _STRING, f"What became of it: {', '.join(Status)}."),
    Column("status_detail", _STRING, "Why it is not judged.", nullable=True, null_when="`status` is judged"),
    Column("violation", _BOOL, "Whether it breaks the guideline.", nullable=True, null_when=_UNLESS_JUDGED),
    Column("category", _STRING, "The category it breaks, `none` for none.", nullable=True, null_when=_UNLESS_JUDGED),
    Column(
        "confidence",
        _FLOAT,
        "The model's own confidence, 0 to 1; no calibrated probability.",
        nullable=True,
        unit="fraction",
        null_when=_UNLESS_JUDGED,
    ),
    Column(
        "explanation",
        _STRING,
        f"The model's reason, at most {MAX_EXPLANATION_CHARS} characters, not quoting the comment; "
        "empty when it is no violation.",
        nullable=True,
        null_when=_UNLESS_JUDGED,
    ),
)
_NO_PRICE = "the model has no known price, or an answer reported no tokens: unknown is never 0"
_NOT_KEPT = "the day was published before this was kept"
_NO_TOKENS = "no answer reported any; a duplicate has none of its own"
_TOKENS = tuple(
    Column(
        f"{side}_tokens",
        _INT,
        f"Tokens {done} for this record, over all its attempts.",
        nullable=True,
        unit="token",
        null_when=_NO_TOKENS,
    )
    for side, done in (("input", "read"), ("output", "written"))
)

_SINCE = "0.2.0"
_BEFORE = "the day was published before there were policies"
_SINGLY = "it was not asked in a pack, or its answer there was of no use and it was asked again singly"
_POLICY = (
    Column(
        "step",
        _STRING,
        f"The policy's step that decided: {', '.join(DecidingStep)}. Of an audited comment the one that would have.",
        nullable=True,
        null_when=f"it is a duplicate, or {_BEFORE}",
        since=_SINCE,
    ),
    Column("policy", _STRING, "The policy.", nullable=True, null_when=_BEFORE, since=_SINCE),
    Column("policy_sha256", _STRING, "Hash of its steps, lower hex.", nullable=True, null_when=_BEFORE, since=_SINCE),
    Column(
        "is_audit",
        _BOOL,
        "Whether the model was asked for it to check the step: the verdict is then the model's.",
        nullable=True,
        null_when=_BEFORE,
        since=_SINCE,
    ),
    Column(
        "inclusion_probability",
        _FLOAT,
        "The probability that it had of being drawn for the audit.",
        nullable=True,
        unit="fraction",
        null_when="`is_audit` is not true",
        since=_SINCE,
    ),
    Column(
        "pack",
        _STRING,
        "The id of the request that it was asked in with others.",
        nullable=True,
        null_when=_SINGLY,
        since=_SINCE,
    ),
    Column("slot", _STRING, "Its place there, s01 to s20.", nullable=True, null_when=_SINGLY, since=_SINCE),
)

VERDICTS = Table(
    name="verdicts",
    meaning="One row per valid comment of the day; no comment text (join on comment_id).",
    columns=(
        Column("comment_id", _STRING, "The comment."),
        Column("date", pl.Date(), "The local day it was posted, in the settings' time zone."),
        Column("posted_at", UTC_MICROSECONDS, "When it was posted."),
        Column("product_id", _STRING, "The product it stands under."),
        Column("language", _STRING, "ISO 639-1 code of its text; `und` when it cannot be told."),
        *_OUTCOME,
        Column("decided_by", _STRING, f"What decided: {', '.join(DecidedBy)}."),
        Column("attempt", pl.Int32(), "Which attempt at the record gave this answer, from 1; 0 if it was never asked."),
        Column(
            "model_id",
            _STRING,
            "The model or inference profile of the step that decided; of a step that asks none, the model step's.",
        ),
        Column("prompt_name", _STRING, "The prompt that was used."),
        Column("prompt_version", _STRING, "Its version."),
        Column("prompt_sha256", _STRING, "Hash of the prompt with its parameters, lower hex."),
        Column("text_sha256", _STRING, "Hash of the normalised text, lower hex."),
        *_TOKENS,
        Column(
            "cost_usd",
            _FLOAT,
            "Dollars this record cost over all its attempts; 0 for a duplicate and where nothing was billed.",
            nullable=True,
            unit="USD",
            null_when=_NO_PRICE,
        ),
        Column(
            "batch_job_arn",
            _STRING,
            "The Bedrock job that answered; a duplicate has that of the comment it repeats.",
            nullable=True,
            null_when="it was asked on demand, or never",
        ),
        Column("run_id", _STRING, "The run that published the row."),
        Column(
            "decided_at",
            UTC_MICROSECONDS,
            "When the answer was read, a cached one on its earlier day; when the night was planned if none came.",
        ),
        *_POLICY,
    ),
    key=("comment_id",),
)

ANSWERS = Table(
    name="answers",
    meaning="One row per record of a finished job, in the ledger's keeping, so that the batch files can go.",
    columns=(
        Column("record_id", _STRING, "The record."),
        *_OUTCOME,
        *_TOKENS,
        Column("attempt", pl.Int32(), "Which attempt at the record this was, from 1."),
        Column("decided_at", UTC_MICROSECONDS, "When the answer was read."),
    ),
    key=("record_id",),
)

REQUESTS = Table(
    name="requests",
    meaning="One row per record of a shard: what was asked, without its text.",
    columns=(
        Column("record_id", _STRING, "The record."),
        Column("text_sha256", _STRING, "Hash of the normalised text that was sent, lower hex."),
        Column("attempt", pl.Int32(), "Which attempt at the record this is, from 1."),
        Column(
            "golden_item_id",
            _STRING,
            "The item of the golden pack that was asked.",
            nullable=True,
            null_when="it is a comment",
            since="0.2.0",
        ),
        Column(
            "asked_as",
            _STRING,
            "The id that the request goes by in the batch files, where it is not the record's own.",
            nullable=True,
            null_when="it is the record's own: of a comment that the model is asked for singly, and of a golden item",
            since="0.2.0",
        ),
        Column(
            "slot",
            _STRING,
            "Its place in a request with others.",
            nullable=True,
            null_when="it was asked singly",
            since="0.2.0",
        ),
        Column(
            "inclusion_probability",
            _FLOAT,
            "The probability that it had of being drawn for the audit.",
            nullable=True,
            unit="fraction",
            null_when="it is no audit",
            since="0.2.0",
        ),
    ),
    key=("record_id",),
)

NIGHTS = Table(
    name="nights",
    meaning="One row per published day, written last: the day is published when its row is here.",
    columns=(
        Column("date", pl.Date(), "The published day."),
        Column("run_id", _STRING, "The run that published it."),
        Column("plan_sha256", _STRING, "Hash of what was judged and how: inputs, prompt, model, row rules."),
        Column("ingested_count", _INT, "Rows read.", unit="row"),
        Column("valid_count", _INT, "Rows that kept the contract: one verdict each.", unit="row"),
        Column("rejected_count", _INT, "Rows that broke it.", unit="row"),
        Column("duplicate_count", _INT, "Valid rows that inherit another's verdict.", unit="row"),
        *(Column(f"{status}_count", _INT, f"Verdicts with status {status}.", unit="row") for status in Status),
        Column("violation_count", _INT, "Verdicts that say violation.", unit="row"),
        Column("input_tokens", _INT, "Tokens read by all of the day's jobs.", unit="token"),
        Column("output_tokens", _INT, "Tokens written by all of the day's jobs.", unit="token"),
        Column(
            "estimated_cost_usd",
            _FLOAT,
            "What the night's requests were expected to cost before they were made.",
            nullable=True,
            unit="USD",
            null_when=_NO_PRICE,
        ),
        Column(
            "cost_usd", _FLOAT, "What the day's jobs and calls cost.", nullable=True, unit="USD", null_when=_NO_PRICE
        ),
        Column(
            "unattributed_cost_usd",
            _FLOAT,
            "Part of `cost_usd` that no verdict carries: a second line for a record, a line for an unknown one.",
            nullable=True,
            unit="USD",
            null_when=_NO_PRICE,
        ),
        Column(
            "canary_cost_usd",
            _FLOAT,
            "Part of `cost_usd` for the calls that tried the request before the first job.",
            nullable=True,
            unit="USD",
            null_when=f"{_NO_PRICE}, or {_NOT_KEPT}",
        ),
        Column(
            "golden_cost_usd",
            _FLOAT,
            "Part of `cost_usd` for the golden pack.",
            nullable=True,
            unit="USD",
            null_when=f"{_NO_PRICE}, or {_NOT_KEPT}",
            since="0.2.0",
        ),
        Column(
            "estimated_input_tokens",
            _INT,
            "Tokens that the night's requests were expected to read before they were made.",
            nullable=True,
            unit="token",
            null_when=_NOT_KEPT,
        ),
        Column(
            "estimated_output_tokens",
            _INT,
            "Tokens that their answers were expected to have.",
            nullable=True,
            unit="token",
            null_when=_NOT_KEPT,
        ),
        Column(
            "estimate_source",
            _STRING,
            f"How the tokens to be read were estimated: {', '.join(EstimateSource)}.",
            nullable=True,
            null_when=f"nothing was asked, or {_NOT_KEPT}",
        ),
        Column(
            "review_count",
            _INT,
            "Comments without a verdict: rows of `review`.",
            nullable=True,
            unit="row",
            null_when=_NOT_KEPT,
        ),
        Column(
            "flip_count",
            _INT,
            "Comments whose verdict is another than the day's verdicts before said: rows of `flips`.",
            nullable=True,
            unit="row",
            null_when=_NOT_KEPT,
            since="0.2.0",
        ),
        Column("model_id", _STRING, "The model or inference profile."),
        Column("prompt_version", _STRING, "The prompt's version."),
        Column("prompt_sha256", _STRING, "Hash of the prompt with its parameters."),
        Column("published_at", UTC_MICROSECONDS, "When the day was published."),
    ),
    key=("date",),
)
