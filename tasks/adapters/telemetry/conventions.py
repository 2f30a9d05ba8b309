"""The names that spans, events and metrics bear: the one table of them.

The GenAI names are those of OpenTelemetry's semantic conventions in the version of SCHEMA_URL, where they are in
development: a later version may rename them, and then the version goes up with them, here alone. Ours begin with
`moderation.`; no convention covers a batch job.

Source: https://github.com/open-telemetry/semantic-conventions-genai, "Semantic conventions for generative AI spans" and
"events".
"""

from __future__ import annotations

from typing import Final

#: Which version of the conventions the names are of; every scope carries it.
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
#: The scope of all that is sent.
SCOPE: Final = "nightly-moderation"

# --- OpenTelemetry's
ERROR_TYPE: Final = "error.type"
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
PROMPT: Final = "gen_ai.prompt.name"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
EVALUATION_EVENT: Final = "gen_ai.evaluation.result"
EVALUATION_NAME: Final = "gen_ai.evaluation.name"
EVALUATION_SCORE: Final = "gen_ai.evaluation.score.value"
EVALUATION_LABEL: Final = "gen_ai.evaluation.score.label"

#: Values of OPERATION and PROVIDER.
CHAT: Final = "chat"
BEDROCK: Final = "aws.bedrock"

# --- ours
RUN_ID: Final = "moderation.run_id"
RUN_DATE: Final = "moderation.run_date"
OUTCOME: Final = "moderation.outcome"
SHARD: Final = "moderation.shard"
MODE: Final = "moderation.mode"
STATE: Final = "moderation.state"
RECORDS: Final = "moderation.records"
COST: Final = "moderation.cost_usd"
JOB_NAME: Final = "moderation.job.name"
JOB_ARN: Final = "moderation.job.arn"
JOB_STATUS: Final = "moderation.job.status"
IS_ADOPTED: Final = "moderation.job.adopted"
STAGE: Final = "moderation.stage"
STATUS: Final = "moderation.status"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  the name of an attribute
SEVERITY: Final = "moderation.severity"

#: Names of OpenTelemetry metrics, with their units.
COMMENTS_METRIC: Final = ("moderation.night.comments", "{comment}")
TOKENS_METRIC: Final = ("moderation.night.tokens", "{token}")
COST_METRIC: Final = ("moderation.night.cost", "{USD}")
STAGE_METRIC: Final = ("moderation.night.stage.duration", "s")
MEASUREMENTS_METRIC: Final = ("moderation.night.measurements", "{metric}")
ALERTS_METRIC: Final = ("moderation.night.alerts", "{metric}")
PUBLISHED_METRIC: Final = ("moderation.night.published", "1")

# --- CloudWatch
NAMESPACE: Final = "NightlyModeration"
#: Dimensions: every figure has the first; how urgent, or which measurement of what.
DEPLOYMENT: Final = "Deployment"
BY_SEVERITY: Final = "Severity"
BY_METRIC: Final = "Metric"
BY_SLICE: Final = "Slice"
#: Metrics that an alarm looks at; each metric of its own name costs money, so there is none that nobody looks at.
PUBLISHED: Final = "Published"
STOPPED: Final = "Stopped"
UNBALANCED: Final = "Unbalanced"
BUDGET_USED: Final = "BudgetUsed"
DEGRADED: Final = "Degraded"
MEASUREMENT: Final = "Measurement"
HOURS_SINCE: Final = "HoursSincePublished"
PROBLEMS: Final = "WatchdogProblems"
