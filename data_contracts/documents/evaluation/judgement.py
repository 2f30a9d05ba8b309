"""What a judge model says of explanations: evaluation/judgements/ID.json."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict


class ShareFigure(BaseModel):
    """A share of explanations, x of n, with its 95 % interval; the three figures are null of none."""

    model_config = ConfigDict(frozen=True)

    name: str
    x: int
    n: int
    share: float | None
    ci_low: float | None
    ci_high: float | None


class JudgeGate(BaseModel):
    """Whether the judge agrees with people about as well as people do with each other.

    Attributes:
        rated_count: explanations that at least two people rated and the judge did.
        people_kappa, judge_kappa: Cohen's, of people with each other and of the judge with people, each with a 95 %
            interval by a bootstrap over explanations; null where nobody can say.
        is_validated: enough were rated, and the judge is not more than .1 below people.
        reason: in words.
    """

    model_config = ConfigDict(frozen=True)

    rated_count: int
    people_kappa: float | None
    people_low: float | None
    people_high: float | None
    judge_kappa: float | None
    judge_low: float | None
    judge_high: float | None
    is_validated: bool
    reason: str


class ExplanationJudgement(BaseModel):
    """A sample of a night's explanations, each judged by itself.

    Attributes:
        judged_model_ids: who explained; of another family than the judge.
        n: explanations that were judged; `unanswered_count` are without a reply.
        removed_count: explanations of the night that had quoted their comment and were replaced: not sampled.
        criteria: the share that meets each, and `all` for all of them.
        cost_usd: of all of these replies, whenever they were asked; null if one is unknown.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    date: date
    verdicts_run_id: str
    judge_model_id: str
    judged_model_ids: tuple[str, ...]
    prompt_sha256: str
    n: int
    unanswered_count: int
    removed_count: int
    mean_characters: float | None
    criteria: tuple[ShareFigure, ...]
    gate: JudgeGate
    cost_usd: float | None
    judged_at: datetime


class PairJudgement(BaseModel):
    """Champion's and challenger's explanations of the same comments, shown in both orders.

    Attributes:
        n: pairs with two replies; `identical_count` more are the same to the letter and were not asked.
        champion_wins, challenger_wins: pairs that a candidate won in both orders; all others are ties.
        position_consistency: share of pairs whose reply did not change with the order.
        win_rate: the challenger's, of pairs that one won.
        longer_win_rate: what the win rate would be if the longer explanation always won: the baseline.
        follows_length: share of won pairs that the longer one won.
        is_validated: whether people have confirmed such a judge; no person rates pairs here, so false.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    set: str
    set_version: int
    split: str
    champion: str
    challenger: str
    judge_model_id: str
    prompt_sha256: str
    n: int
    identical_count: int
    unanswered_count: int
    champion_wins: int
    challenger_wins: int
    tie_count: int
    position_consistency: ShareFigure
    win_rate: ShareFigure
    longer_win_rate: ShareFigure
    follows_length: ShareFigure
    is_validated: bool
    cost_usd: float | None
    judged_at: datetime


class SecondOpinion(BaseModel):
    """What Bedrock's own evaluation job says of a night's explanations: evaluation/judgements/bedrock-KEY16.json.

    It is put on record before the job is asked for.

    Attributes:
        status: of the job; `intended` before Bedrock has it.
        criteria: the share that meets each, of those that it applies to.
        estimated_cost_usd: the most that it may have cost; what it did, Bedrock does not tell.
        messages: why the job failed, in Bedrock's words.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    date: date
    judge_model_id: str
    judged_model_ids: tuple[str, ...]
    job_name: str
    job_arn: str | None = None
    status: str = "intended"
    n: int
    criteria: tuple[ShareFigure, ...] = ()
    messages: tuple[str, ...] = ()
    estimated_cost_usd: float | None
    intended_at: datetime
    finished_at: datetime | None = None
