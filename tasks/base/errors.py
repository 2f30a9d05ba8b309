"""What can go wrong, as types.

    ModerationError
    ├── NightStopped              the night is wrong: it ends, nothing is published, one alert (exit 1)
    │   ├── InputAbsent           the day has no input
    │   ├── InputIncomplete       the object that says the input is complete did not come
    │   ├── InputChanged          an input object changed between the plan and the reading
    │   ├── SchemaDrift           a column is missing or retyped
    │   ├── TooManyRejected       the row breaker, before any money is spent
    │   │   └── WrongTimeZone     its rows lie in the day by another time zone
    │   ├── CriticalExpectationFailed  the day as a whole is not what upstream sends, before any money is spent
    │   ├── ChampionUnusable      the settings leave it to a champion that is not there, or not deployed here
    │   ├── BelowMinimum          fewer comments than a batch job takes
    │   ├── OverBudget            the estimate is over MAX_COST_USD: nothing was submitted
    │   ├── CanaryFailed          the model does not take the night's request: nothing was submitted
    │   ├── BedrockRefused        Bedrock will not take the job, and asking again will not help
    │   │   └── JobUnknown        it does not know the job: of another account or Region, or made a moment ago
    │   ├── JobFailed             a batch job failed as a whole, and would again
    │   ├── DeadlinePassed        answers are lacking at DEADLINE_H; the next run adopts the jobs and asks the rest
    │   ├── TooFewJudged          the answer breaker, before anything is published
    │   ├── DayInUse              another run works on the day
    │   ├── StartedTooOften       the run crashed every time that it was started
    │   ├── LeaseLost             this run was taken for dead and another works on the day
    │   ├── IllegalMove           an entry of the ledger would be put on record as it must not be: a defect of ours
    │   ├── Unbalanced            rows were lost or made up on the way: a defect of ours
    │   ├── FlipsHeld             a backfill would change more verdicts of a published day than may pass unseen
    │   ├── Unanswered            nobody answered what a backfill asked
    │   ├── NotRestorable         the version of the day that is wanted cannot be brought back
    │   ├── BackfillIncomplete    some days of a backfill stopped
    │   └── LibraryPanicked       a library gave up in a way that is no error of Python's
    ├── SomethingWrong            what the watchdog found; it stopped nothing (exit 1)
    ├── NotPromoted               the gate, or somebody who was faster, keeps the champion (exit 1)
    ├── RemeasureIncomplete       some days could not be measured again (exit 1)
    ├── WrongUsage                the call or the settings are wrong (exit 2)
    │   ├── BadRows               rows of a person's files cannot be taken: nothing of them was written
    │   ├── SettingsInvalid
    │   │   └── SettingsMissing   some that have no default are not set, and nothing else is wrong
    │   ├── PromptInvalid
    │   └── UnsupportedModel
    └── Transient                 the world is wrong for now: the stage is retried
        ├── StorageUnavailable
        ├── BedrockUnavailable
        │   └── BedrockThrottled  the call was turned away before a model saw it: nothing was paid
        ├── QuotaReached          Bedrock takes no further job for now
        └── WorkersLost           the cluster at DASK_ADDRESS has no scheduler or no worker, or one job kills them

A wrong row is none of these: it is a value (`reason` or `status`) in `rejected` or `verdicts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.base.safe_text import brief, inert

#: Of an error's text, in characters.
_MAX_LINE_CHARS = 4_000
#: Bad rows of files that are told one by one.
_MOST_FAULTS = 50


class ModerationError(Exception):
    """Base of every error of this project; its text is one clear line for the operator, whoever wrote parts of it."""

    def __str__(self) -> str:
        return inert(super().__str__())


class NightStopped(ModerationError):
    """The night ends unpublished."""


class InputAbsent(NightStopped):
    """The day has no input at all."""


class InputIncomplete(NightStopped):
    """INPUT_MARKER did not come within INPUT_WAIT_H."""


class InputChanged(NightStopped):
    """An input object is no longer the one that was planned."""


class SchemaDrift(NightStopped):
    """An input file does not have the columns that the contract names."""


class TooManyRejected(NightStopped):
    """The share of rejected rows is over MAX_REJECTED_FRACTION."""


class WrongTimeZone(TooManyRejected):
    """Rows lie outside the day because upstream cuts its folders by another zone than TIMEZONE."""


class CriticalExpectationFailed(NightStopped):
    """A critical expectation of the ingested day does not hold."""


class ChampionUnusable(NightStopped):
    """The settings say `champion`, and there is none that this deployment can judge with."""


class BelowMinimum(NightStopped):
    """There are fewer comments to judge than a batch job takes."""


class OverBudget(NightStopped):
    """The estimate is over MAX_COST_USD."""


class CanaryFailed(NightStopped):
    """The model refused the one request that was tried before the first job."""


class BedrockRefused(NightStopped):
    """Bedrock refused for a reason that stays: validation, access, entitlement."""


class JobUnknown(BedrockRefused):
    """Bedrock does not know the job; it may not know yet what it took a moment ago."""


class JobFailed(NightStopped):
    """A batch job answered nothing, for a reason that will repeat or has done so."""


class DeadlinePassed(NightStopped):
    """At DEADLINE_H a job could not be stopped, or answers are lacking and AT_DEADLINE is "stop"."""


class TooFewJudged(NightStopped):
    """The share of judged comments is under MIN_JUDGED_FRACTION."""


class DayInUse(NightStopped):
    """Another run holds the day's lease, and did not end within LEASE_WAIT_S."""


class StartedTooOften(NightStopped):
    """The run crashed every time that it was started: starting it once more would not help."""


class LeaseLost(NightStopped):
    """Another run holds the day's lease that was ours: nothing more may be written."""


class IllegalMove(NightStopped):
    """An entry of the ledger would make a move that is not legal from where it stands; see `tasks/ledger/moves.py`."""


class Unbalanced(NightStopped):
    """Ingested, valid, rejected and verdicts do not add up row by row."""


class FlipsHeld(NightStopped):
    """More verdicts of a published day would change than MAX_FLIP_FRACTION, and nobody has said that they may."""


class Unanswered(NightStopped):
    """Nobody answered within APPROVAL_WAIT_H what a backfill asked."""


class NotRestorable(NightStopped):
    """The version of a day that is to be brought back is not there, or not all of it."""


class BackfillIncomplete(NightStopped):
    """Some days of a backfill were not published."""


class LibraryPanicked(NightStopped):
    """A library that is written in Rust panicked: what it was given is kept by nobody's rules (`tasks.base.panics`)."""


class SomethingWrong(ModerationError):
    """The watchdog found something wrong."""


class NotPromoted(ModerationError):
    """The champion stays.

    Attributes:
        reasons: why, one a line.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        super().__init__(f"not promoted: {reasons[0]}{more}")
        self.reasons = tuple(reasons)


class RemeasureIncomplete(ModerationError):
    """Some days of a range could not be measured again."""


class WrongUsage(ModerationError):
    """The caller must change something before a run can start."""


class BadRows(WrongUsage):
    """Rows of a person's files that cannot be taken, so that nothing was written.

    Attributes:
        faults: a line for each of the first ones: file, line, what is wrong.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        count = "1 bad row" if len(faults) == 1 else f"{len(faults):,} bad rows"
        super().__init__(f"{count}, nothing was written: {faults[0]}")
        self.faults = tuple(faults[:_MOST_FAULTS])


class SettingsInvalid(WrongUsage):
    """A setting is missing or wrong; the text names it."""


class SettingsMissing(SettingsInvalid):
    """Settings without a default are not set; the text names them, and nothing else is wrong."""


class PromptInvalid(WrongUsage):
    """A prompt file does not say what it must."""


class UnsupportedModel(WrongUsage):
    """No model family answers to this model id, or nobody says which model a profile is of."""


class Transient(ModerationError):
    """Worth another try."""


class StorageUnavailable(Transient):
    """S3 did not answer as it should."""


class BedrockUnavailable(Transient):
    """Bedrock did not answer as it should."""


class BedrockThrottled(BedrockUnavailable):
    """Bedrock turned the call away for now; it costs nothing."""


class QuotaReached(Transient):
    """Bedrock takes no further job until one of the account's jobs ends."""


class WorkersLost(Transient):
    """The cluster at DASK_ADDRESS cannot be reached, has no workers, or loses them over the same part again."""


def is_transient(_task: Any, _task_run: Any, state: Any) -> bool:
    """Prefect's `retry_condition_fn`: retry only what may pass by itself."""
    try:
        state.result()
    except Transient:
        return True
    except BaseException:
        return False
    return False


def describe_failure(error: BaseException) -> tuple[str, str]:
    """The name and the one-line reason of whatever stopped a night."""
    # polars passes S3's answer on whole, which may repeat the session token.
    text = brief(str(error).partition("<?xml")[0], _MAX_LINE_CHARS) or "no message"
    return type(error).__name__, text if isinstance(error, ModerationError) else f"{type(error).__name__}: {text}"
