"""What can go wrong, as types.

    ModerationError
    ├── NightStopped              the night is wrong: it ends, nothing is published, one alert (exit 1)
    │   ├── InputAbsent           the day has no input
    │   ├── InputChanged          an input object changed between the plan and the reading
    │   ├── SchemaDrift           a column is missing or retyped
    │   ├── TooManyRejected       the row breaker, before any money is spent
    │   ├── CriticalExpectationFailed  the day as a whole is not what upstream sends, before any money is spent
    │   ├── BelowMinimum          fewer comments than a batch job takes
    │   ├── OverBudget            the estimate is over MAX_COST_USD: nothing was submitted
    │   ├── BedrockRefused        Bedrock will not take the job, and asking again will not help
    │   ├── JobFailed             a batch job failed as a whole
    │   ├── DeadlinePassed        the jobs did not end in time; they stay owned and the next run adopts them
    │   ├── TooFewJudged          the answer breaker, before anything is published
    │   ├── DayInUse              another run works on the day
    │   ├── LeaseLost             this run was taken for dead and another works on the day
    │   ├── Unbalanced            rows were lost or made up on the way: a defect of ours
    │   └── BackfillIncomplete    some days of a backfill stopped
    ├── WrongUsage                the call or the settings are wrong (exit 2)
    │   ├── SettingsInvalid
    │   ├── PromptInvalid
    │   └── UnsupportedModel
    └── Transient                 the world is wrong for now: the stage is retried
        ├── StorageUnavailable
        ├── BedrockUnavailable
        └── QuotaReached          Bedrock takes no further job for now

A wrong row is none of these: it is a value (`reason` or `status`) in `rejected` or `verdicts`.
"""

from __future__ import annotations

from typing import Any


class ModerationError(Exception):
    """Base of every error of this project; its text is one clear line for the operator."""


class NightStopped(ModerationError):
    """The night ends unpublished."""


class InputAbsent(NightStopped):
    """The day has no input at all."""


class InputChanged(NightStopped):
    """An input object is no longer the one that was planned."""


class SchemaDrift(NightStopped):
    """An input file does not have the columns that the contract names."""


class TooManyRejected(NightStopped):
    """The share of rejected rows is over MAX_REJECTED_FRACTION."""


class CriticalExpectationFailed(NightStopped):
    """A critical expectation of the ingested day does not hold."""


class BelowMinimum(NightStopped):
    """There are fewer comments to judge than a batch job takes."""


class OverBudget(NightStopped):
    """The estimate is over MAX_COST_USD."""


class BedrockRefused(NightStopped):
    """Bedrock refused for a reason that stays: validation, access, entitlement."""


class JobFailed(NightStopped):
    """A batch job ended as Failed."""


class DeadlinePassed(NightStopped):
    """The jobs did not end within DEADLINE_H."""


class TooFewJudged(NightStopped):
    """The share of judged comments is under MIN_JUDGED_FRACTION."""


class DayInUse(NightStopped):
    """Another run holds the day's lease, and did not end within LEASE_WAIT_S."""


class LeaseLost(NightStopped):
    """Another run holds the day's lease that was ours: nothing more may be written."""


class Unbalanced(NightStopped):
    """Ingested, valid, rejected and verdicts do not add up row by row."""


class BackfillIncomplete(NightStopped):
    """Some days of a backfill were not published."""


class WrongUsage(ModerationError):
    """The caller must change something before a run can start."""


class SettingsInvalid(WrongUsage):
    """A setting is missing or wrong; the text names it."""


class PromptInvalid(WrongUsage):
    """A prompt file does not say what it must."""


class UnsupportedModel(WrongUsage):
    """No model family answers to this model id."""


class Transient(ModerationError):
    """Worth another try."""


class StorageUnavailable(Transient):
    """S3 did not answer as it should."""


class BedrockUnavailable(Transient):
    """Bedrock did not answer as it should."""


class QuotaReached(Transient):
    """Bedrock takes no further job until one of the account's jobs ends."""


def is_transient(_task: Any, _task_run: Any, state: Any) -> bool:
    """Prefect's `retry_condition_fn`: retry only what may pass by itself."""
    try:
        state.result()
    except Transient:
        return True
    except BaseException:
        return False
    return False
