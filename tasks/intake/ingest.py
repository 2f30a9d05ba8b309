"""Stage: the day's input, object by object, as the plan that every later stage keeps to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

from data_contracts.documents.plan import InputObject, Plan
from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.adapters.storage import StoredObject
from tasks.base.errors import InputAbsent
from tasks.base.paths import RunPaths
from tasks.base.settings import Settings
from tasks.base.stage import stage
from tasks.intake.footers import count_rows
from tasks.intake.input_files import describe_unread, find_inputs
from tasks.intake.prompt_history import check_prompt
from tasks.ledger.asker import Asker, planned_askers
from tasks.ledger.champion import judge_of
from tasks.llm.golden import planned_pack
from tasks.llm.masking import MASKING
from tasks.llm.policy import planned_policy

#: Footers are small and far away: their latency is hidden by asking for several at once.
_FOOTER_READERS = 8


@stage
@reading_lake()
def ingest(
    settings: Settings, run_date: date, run_id: str, now: datetime, epoch: int = 0, *, has_golden: bool = False
) -> Plan:
    """Pin the day's objects in the run's plan; a rerun of the same run writes the same plan again.

    With `has_golden` the deployment's golden pack, if it has one, is planned to ride along.

    Where the settings say `champion`, it is settled here: that of the plan which the day has, else the present one.

    Reads: the files of comments/date=D; ledger and lake/nights, for the prompt's hash; the golden pack; the policy;
        state/champion.json and the day's plans, where the settings say `champion`.
    Writes: plan.json.
    Stops when: the day has no file (InputAbsent), a column drifted (SchemaDrift), a prompt that has judged was changed
        (PromptInvalid), there is no champion to judge by (ChampionUnusable), no family knows the model or Bedrock does
        not say which one a profile is of (UnsupportedModel), the golden pack, the policy or its rules are broken
        (SettingsInvalid).
    """
    outside, paths = adapters.connect(settings), RunPaths(settings, run_date, run_id)
    judge = judge_of(outside, settings, paths)
    storage, asker = outside.storage, Asker.named(judge.settings, outside.models)
    prompt = asker.prompt
    golden = planned_pack(settings, prompt) if has_golden else None
    policy, askers = planned_policy(judge.settings, prompt), planned_askers(judge.settings, outside.models)
    files = find_inputs(storage, paths.comments, settings.input_marker)
    warnings = describe_unread(files, paths.comments)
    if not files.read:
        raise InputAbsent("; ".join((f"no input: {paths.comments}/ has no comments file", *warnings)))

    def pin(item: StoredObject) -> InputObject:
        with storage.open(item.uri) as file:
            rows = count_rows(file, item.uri)
        return InputObject(uri=item.uri, etag=item.etag, size_bytes=item.size_bytes, row_count=rows)

    with ThreadPoolExecutor(_FOOTER_READERS) as readers:
        inputs = tuple(readers.map(pin, files.read))
    plan = Plan(
        run_date=run_date,
        run_id=run_id,
        planned_at=now,
        inputs=inputs,
        model_id=asker.model_id,
        invocation_type=asker.invocation_type,
        prompt_name=prompt.id,
        prompt_version=prompt.version,
        prompt_sha256=prompt.sha256,
        epoch=epoch,
        settings=settings.public(),
        warnings=warnings,
        golden=golden,
        policy=policy,
        askers=askers,
        champion=judge.champion,
        masking=MASKING if settings.mask else None,
        profiled_model_id=asker.profiled_model_id,
    )
    check_prompt(outside, paths, f"{prompt.id}/{prompt.version}", prompt.sha256)
    storage.put(paths.file("plan.json"), plan.model_dump_json(indent=1).encode())
    return plan
