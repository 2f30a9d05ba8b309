"""What an error means and what to do about it, in English, by the error's name: written here alone.

The runbook (docs/runbook.md), the alert of a stopped night and the terminal say it from here; other languages have
their own table in `tasks/alerts/words`, and a page of their own. Each sentence is for somebody who was woken by it.
"""

from __future__ import annotations

from typing import NamedTuple


class Advice(NamedTuple):
    """Two parts of one answer: `means` is a sentence or two, `do` begins small, since it follows upon "Do: "."""

    means: str
    do: str

    def __str__(self) -> str:
        return f"{self.means} Do: {self.do}"


#: For whatever is not listed.
UNEXPECTED = Advice(
    "An unexpected error; what was answered is kept.",
    "read the run's log, then run the day again, which pays nothing twice. If it comes again, open an issue.",
)

_LATER = "run the day again later: nothing is paid twice."

#: What may stop a night, and be alerted. After each of them the day is run again.
OF_NIGHTS = {
    "InputAbsent": Advice(
        "The day's folder has no comments file; the line names what is there and is not read.",
        "ask upstream for the export; run the day again when it is there.",
    ),
    "InputIncomplete": Advice(
        "The object that says that the day is complete (MODERATION_INPUT_MARKER) did not come in time.",
        "ask upstream. Running the day by hand judges what is there.",
    ),
    "InputChanged": Advice("An input file was replaced or deleted while the night ran.", "run the day again."),
    "SchemaDrift": Advice(
        "An input file lacks a column, has one of another type, or cannot be read.",
        "see which file and column the reason names. Have the export fixed, or widen the contract; run the day again.",
    ),
    "LibraryPanicked": Advice(
        "A library gave up where it should have raised an error; what was answered is kept.",
        "look at the input that the reason names, then run the day again, which pays nothing twice. If it comes again, "
        "keep the line and the input, and open an issue.",
    ),
    "TooManyRejected": Advice(
        "More rows broke the contract than allowed; nothing was sent to Bedrock.",
        "look at the counts by reason. Raise MODERATION_MAX_REJECTED_FRACTION only if they are right.",
    ),
    "WrongTimeZone": Advice(
        "The rows outside the day lie in it by another time zone: upstream cuts its folders by that one. Nothing was "
        "sent to Bedrock.",
        "set MODERATION_TIMEZONE to the zone that the reason names, or have the folders cut by the zone that is set. A "
        "higher limit of rejected rows would drop a part of each day.",
    ),
    "CriticalExpectationFailed": Advice(
        "The day as a whole is not what it should be: too few rows, no texts, or the same ids again and again. Nothing "
        "was sent to Bedrock.",
        "open data_docs/index.html in the run's folder, and ask upstream.",
    ),
    "ChampionUnusable": Advice(
        "MODERATION_PROMPT_VERSION, MODERATION_MODEL_ID or MODERATION_POLICY says `champion`, and this deployment has "
        "no champion that it can judge with: the reason says why. Nothing was sent to Bedrock.",
        "deploy the version that has the champion's prompt, or go back to the champion before it (python -m flows "
        "evaluate promote --rollback), or name a version and a model in the settings; then run the day again.",
    ),
    "BelowMinimum": Advice(
        "There are fewer comments than a batch job takes, and MODERATION_ON_DEMAND is off; nothing was spent.",
        "switch it on, or wait for more comments.",
    ),
    "OverBudget": Advice(
        "The estimate is over the budget; nothing was submitted.",
        "see why the day costs more than usual. If that is right, raise MODERATION_MAX_COST_USD and run the day again.",
    ),
    "CanaryFailed": Advice(
        "The model does not take the night's request, tried on one comment; nothing was submitted.",
        "compare prompt and model; the reason carries AWS's message.",
    ),
    "BedrockRefused": Advice(
        "Bedrock will not take the job or the call: validation, access or entitlement.",
        "remove the cause that AWS's message names; asking again does not help before that.",
    ),
    "JobUnknown": Advice(
        "Bedrock does not know a job of this day.",
        "compare account and Region with those that made the job. If Bedrock has lost it for good, close it: python -m "
        "flows jobs forget --date D --job NAME --reason R (NAME may be its ARN). Then run the day again.",
    ),
    "JobFailed": Advice(
        "A batch job answered nothing, for a reason that will repeat or has done so; what other jobs answered is kept.",
        "put right what Bedrock's message names, then run the day again: only what is left is asked.",
    ),
    "DeadlinePassed": Advice(
        "After MODERATION_DEADLINE_H a job did not stop, or answers are lacking and MODERATION_AT_DEADLINE is stop.",
        "run the day again: its jobs are adopted, nothing is paid twice, and only the rest is asked.",
    ),
    "TooFewJudged": Advice(
        "Too few comments were judged to publish the day; what was answered is kept.",
        "run the day again: only what is left is asked.",
    ),
    "DayInUse": Advice(
        "Another run works on the day.",
        "wait until it ends, or see what holds it up. A dead run frees the day a minute after its last sign of life.",
    ),
    "StartedTooOften": Advice(
        "The run crashed each time that it was started.",
        "look at its states and logs (is it memory?), then start a new run of the day.",
    ),
    "LeaseLost": Advice(
        "Another run took the day over, because this one gave no sign of life; this one wrote nothing more.",
        "see how that run ends.",
    ),
    "IllegalMove": Advice(
        "The day's ledger would have been written wrongly: a defect of this program; the ledger stays as it was.",
        "open an issue with the reason's words before you run the day again.",
    ),
    "Unbalanced": Advice(
        "Rows or tokens do not add up: a defect of this program; nothing was published.",
        "keep the run's folder, and open an issue.",
    ),
    "SettingsInvalid": Advice(
        "A setting is missing or wrong; nothing was done.", "set what the line names; docs/settings.md has them all."
    ),
    "SettingsMissing": Advice(
        "Settings that have no default are not set; nothing was done.",
        "set what the line names; docs/settings.md has them all.",
    ),
    "PromptInvalid": Advice(
        "The prompt file does not say what it must, or a version that has judged was edited.",
        "put the file back as it was, and write what is new as the next version.",
    ),
    "UnsupportedModel": Advice(
        "No model family answers to this model id, or Bedrock does not say which model a profile is of.",
        "choose a model that the line lists, or set MODERATION_INVOCATION_TYPE=Converse; for an application inference "
        "profile allow bedrock:GetInferenceProfile on it.",
    ),
    "StorageRefused": Advice(
        "S3 refused for a reason that stays: a missing bucket or permission, an archived object, a KMS key.",
        "grant or restore what the line names (infra/iam/), then run the day again.",
    ),
    "StorageUnavailable": Advice("S3 did not answer as it should, also after retries.", _LATER),
    "BedrockUnavailable": Advice("Bedrock did not answer as it should, also after retries.", _LATER),
    "BedrockThrottled": Advice("Bedrock turned calls away for now, also after retries.", _LATER),
    "QuotaReached": Advice("Bedrock takes no further job until one of the account's jobs ends.", _LATER),
    "WorkersLost": Advice(
        "The Dask cluster at MODERATION_DASK_ADDRESS has no scheduler that answers, no worker, or lost worker after "
        "worker over one shard; what was answered is kept.",
        "see that scheduler and workers run, with memory enough for a shard (docs/scale.md), or leave the setting out "
        "to work on this machine; then run the day again, which pays nothing twice.",
    ),
}

#: What ends another command, or a backfill's day; nobody is alerted.
OF_COMMANDS = {
    "FlipsHeld": Advice(
        "A backfill would change more verdicts of a published day than MODERATION_MAX_FLIP_FRACTION allows.",
        "read the run's flips.json. Start the same backfill with --accept-flips, or leave the day as it is.",
    ),
    "Unanswered": Advice(
        "Nobody answered a backfill's question within MODERATION_APPROVAL_WAIT_H; what it asked about was not done.",
        "start the same backfill again.",
    ),
    "BackfillIncomplete": Advice(
        "Some days of a backfill stopped, each for a reason of its own; the other days are done.",
        "look each reason up here. Then start the same backfill again: days that are done are left alone.",
    ),
    "NotRestorable": Advice(
        "The wanted version of the day was never finished, or an erasure has deleted its files.",
        "list what can come back: python -m flows restore --date D.",
    ),
    "RemeasureIncomplete": Advice(
        "Some days could not be measured again; the other days are done.",
        "read the reasons; remeasure these days again when they are gone.",
    ),
    "SomethingWrong": Advice(
        "The watchdog found something wrong; it stopped nothing.",
        'do what is said of each problem, in the alert or under "What the watchdog finds" in docs/runbook.md.',
    ),
    "NotPromoted": Advice(
        "The champion stays: the lines above the last one are the gate's reasons, or somebody else promoted meanwhile.",
        "read the reasons. Run and compare again with more labels, or promote with --despite and a reason of yours.",
    ),
    "NotRegistered": Advice(
        "The Prefect server refused, or does not answer.",
        "check PREFECT_API_URL and the server, then register once more: python -m flows register.",
    ),
    "BadRows": Advice(
        "A row of a file with labels or labelled comments cannot be taken; nothing of any file was written.",
        "mend the rows that the lines above the last one name, and give the files again.",
    ),
    "WrongUsage": Advice("The call cannot be carried out as it is; nothing was done.", "change what the line names."),
}

ADVICE = {**OF_NIGHTS, **OF_COMMANDS}

#: By language: the page, and its heading of whatever is not listed, as a link names it.
RUNBOOKS = {"en": ("docs/runbook.md", "an-unexpected-error"), "ja": ("docs/runbook.ja.md", "想定外のエラー")}


def find_advice(error_name: str) -> Advice:
    """What to do about an error of this name."""
    return ADVICE.get(error_name, UNEXPECTED)


def runbook_place(error_name: str, language: str = "en") -> str:
    """Where the runbook of that language speaks of the error: a path in the repository, with the heading's anchor."""
    page, unexpected = RUNBOOKS[language]
    return f"{page}#{error_name.lower() if error_name in ADVICE else unexpected}"
