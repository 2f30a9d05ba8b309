"""The prompt catalog as an operator reads it: what each version is, what it costs, where it was used."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import prompts
from data_contracts.batch_lines import InvocationChoice
from data_contracts.tables.verdicts import NIGHTS
from prompts import CATALOG, Prompt
from prompts.freeze import frozen
from tasks import adapters
from tasks.adapters.lake import reading_lake
from tasks.base.errors import ModerationError, SettingsInvalid, SettingsMissing
from tasks.base.paths import lake
from tasks.base.settings import Language, Settings
from tasks.batch.estimate.rates import constant_rates, estimate, prompt_tokens
from tasks.ledger.asker import find_profiled
from tasks.ledger.champion import follows, serving
from tasks.ledger.nights import Use, prompt_uses
from tasks.ledger.prices import find_price
from tasks.llm.families import pick_family
from tasks.llm.model_ids import is_application_profile
from tasks.reports.overview.lines import padded
from tasks.reports.words.say import Say, say_in

#: The comment that a price is shown for: a sentence or two.
COMMENT_TOKENS = 40
_MILLION = 1_000_000


class Terms(NamedTuple):
    """What the catalog is priced for and marked as active by."""

    model_id: str
    prompt: str
    version: str
    prices: Path | None = None
    invocation_type: InvocationChoice = "auto"
    champion: bool = False
    language: Language = "en"
    profiled_model_id: str | None = None

    @property
    def priced_model_id(self) -> str:
        """The id that family and price go by."""
        return self.profiled_model_id or self.model_id


def describe_catalog(terms: Terms, uses: Sequence[Use] | str, catalog: Path = CATALOG) -> str:
    """Every version of the catalog, then what the figures rest on and how to change the active one.

    Args:
        uses: what the published nights used, or why that is unknown.

    Raises:
        PromptFileError: if a file of the catalog is not as it must be.
        WrongUsage: if the price list cannot be read, or no family answers to the model id.
    """
    hashes = frozen(catalog)
    present = [prompts.load(name, version, catalog) for name, version in prompts.versions(catalog)]
    blocks = ["\n".join(_version(prompt, terms, uses, hashes.get(_name(prompt)))) for prompt in present]
    say = say_in(terms.language)
    empty = say.plain("the catalog is empty")
    return "\n\n".join([*(blocks or [empty]), "\n".join(_footer(terms, uses, present))])


def dollars_per_million(prompt: Prompt, terms: Terms) -> float | None:
    """What a million comments of average length cost at the model's batch price; None if that is not known."""
    price = find_price(terms.priced_model_id, "batch", terms.prices)
    thoughts = pick_family(terms.priced_model_id, invocation_type=terms.invocation_type).reasoning_tokens
    rates = constant_rates(prompt.system + prompt.user, thoughts)
    return estimate(_MILLION, round(_MILLION * (rates.fixed_tokens + COMMENT_TOKENS)), rates, price).cost_usd


def diff(one: str, other: str, default_name: str, catalog: Path = CATALOG) -> str:
    """A unified diff of two versions' files, front matter included; empty if they are the same.

    Args:
        one, other: `v1`, or `name/v1`.

    Raises:
        PromptFileError: if the catalog does not have one of them.
    """
    origins = [each if "/" in each else f"{default_name}/{each}" for each in (one, other)]
    names = [origin.partition("/") for origin in origins]
    before, after = (prompts.read(name, version, catalog).splitlines() for name, _, version in names)
    return "\n".join(difflib.unified_diff(before, after, origins[0], origins[1], lineterm=""))


def _name(prompt: Prompt) -> str:
    return f"{prompt.id}/{prompt.version}"


def _version(prompt: Prompt, terms: Terms, uses: Sequence[Use] | str, frozen_as: str | None) -> list[str]:
    say = say_in(terms.language)
    active = f"   ({say.plain('active')})" if (prompt.id, prompt.version) == (terms.prompt, terms.version) else ""
    state = {None: say.plain("not frozen"), prompt.sha256: say.plain("frozen")}.get(
        frozen_as, say.plain("CHANGED: frozen as {sha256}", sha256=frozen_as)
    )
    cost, families = dollars_per_million(prompt, terms), ", ".join(prompt.families)
    count = f"{prompt_tokens(prompt.system + prompt.user):,}"
    usd = say.plain("unknown") if cost is None else f"${cost:,.0f}"
    lines = [
        ("sha256", f"{prompt.sha256}   ({state})"),
        (
            say.plain("parameters"),
            f"families {families}; max_tokens {prompt.max_tokens}; temperature {prompt.temperature:g}",
        ),
        (say.plain("categories"), ", ".join(prompt.categories)),
        (say.plain("tokens"), say.plain("{count} a request, estimated", count=count)),
        (say.plain("cost"), say.plain("{usd} a million comments", usd=usd)),
        (say.plain("used"), _used(prompt, uses, say)),
    ]
    notes = prompt.notes.split("\n") if prompt.notes.strip() else [say.plain("none")]
    lines += [(say.plain("notes") if not place else "", line) for place, line in enumerate(notes)]
    return [f"{_name(prompt)}{active}", *(f"  {padded(label, 12)} {text}".rstrip() for label, text in lines)]


def _used(prompt: Prompt, uses: Sequence[Use] | str, say: Say) -> str:
    if isinstance(uses, str):
        return say.plain("unknown")
    uses_of_it = [use for use in uses if use.sha256 == prompt.sha256]
    if not uses_of_it:
        return say.plain("never")
    count, last = sum(use.night_count for use in uses_of_it), max(uses_of_it, key=lambda use: use.last_date)
    nights = say.plain("1 night") if count == 1 else say.plain("{count} nights", count=count)
    facts = {"first": min(use.first_date for use in uses_of_it), "last": last.last_date, "run": last.last_run_id}
    return f"{nights}{say.plain(', {first} to {last} (last run {run})', **facts)}"


def _footer(terms: Terms, uses: Sequence[Use] | str, catalog: Sequence[Prompt]) -> list[str]:
    present, say = {prompt.sha256 for prompt in catalog}, say_in(terms.language)
    lost = [] if isinstance(uses, str) else [use for use in uses if use.sha256 not in present]
    return [
        *(
            say.plain(
                "{version} with hash {sha256} judged {count} nights, {first} to {last}, and is not in this catalog.",
                version=use.version,
                sha256=use.sha256,
                count=use.night_count,
                first=use.first_date,
                last=use.last_date,
            )
            for use in lost
        ),
        *([say.plain("Where versions were used is unknown: {why}", why=uses)] if isinstance(uses, str) else []),
        say.plain(
            "Tokens are estimated from the text. Cost: {model}, batch price, {tokens} tokens a comment.",
            model=terms.priced_model_id,
            tokens=COMMENT_TOKENS,
        ),
        say.plain(
            "Active: {active}, the champion; to go back: python -m flows evaluate promote --rollback",
            active=f"{terms.prompt}/{terms.version}",
        )
        if terms.champion
        else say.plain(
            "Active: {active}. To go back to another version, set MODERATION_PROMPT_VERSION.",
            active=f"{terms.prompt}/{terms.version}",
        ),
    ]


#: In the place of settings that have no default, where only the prompts are looked at.
_NOWHERE = {f"{name}_uri": "s3://not-set" for name in ("comments", "labels", "output", "batch")} | {
    "role_arn": "arn:aws:iam::000000000000:role/not-set"
}


def _read_settings() -> tuple[Settings, str]:
    """The settings, and what those without a default lack, if they are not set.

    Raises:
        SettingsInvalid: if one is wrong, the prompt or its version included.
    """
    lacking = ""
    try:
        settings = Settings.load()
    except SettingsMissing as error:
        first, *more = str(error).split("; ")
        lacking = first + (f", and {len(more)} more" if more else "")
        settings = Settings.load(**_NOWHERE)
        if follows(settings):  # which version that is stands in OUTPUT_URI
            raise
    if follows(settings):
        return settings, lacking
    if (settings.prompt, settings.prompt_version) not in prompts.versions():
        names = ", ".join("/".join(each) for each in prompts.versions())
        raise SettingsInvalid(
            f"MODERATION_PROMPT_VERSION={settings.prompt_version}: there is no prompt {settings.prompt}/"
            f"{settings.prompt_version}; the catalog has {names}"
        )
    return settings, lacking


def _find_profiled(settings: Settings) -> str | None:
    """The model behind the settings' application profile; AWS is needed for such a profile alone."""
    if not is_application_profile(settings.model_id):
        return None
    return find_profiled(adapters.connect(settings).models, settings.model_id)


def list_prompts(language: Language = "en") -> str:
    """The catalog as this deployment sees it; without settings or without S3 it says why it cannot tell the uses.

    The terminal speaks English, the page of the Prefect UI the settings' language.

    Raises:
        PromptFileError, WrongUsage: as `describe_catalog`.
        SettingsInvalid: if a setting is wrong; one that is not set is not.
        UnsupportedModel, BedrockUnavailable: if Bedrock does not say which model a profile is of.
        ChampionUnusable: if the settings say `champion`, and this deployment cannot judge with it.
    """
    settings, lacking = _read_settings()
    named = serving(settings)
    terms = Terms(
        named.model_id,
        named.prompt,
        named.prompt_version,
        named.prices,
        named.invocation_type,
        champion=follows(settings),
        language=language,
        profiled_model_id=_find_profiled(named),
    )
    uses: Sequence[Use] | str = lacking
    if not lacking:
        try:
            with reading_lake():
                uses = prompt_uses(adapters.connect(settings).lake.scan(lake(settings, "nights"), NIGHTS))
        except ModerationError as error:
            uses = str(error)
    return describe_catalog(terms, uses)


def diff_prompts(one: str, other: str) -> str:
    """`diff` of the shipped catalog, by the name that the settings say or else the default one.

    Raises:
        PromptFileError: as `diff`.
        SettingsInvalid: if a setting is wrong; one that is not set is not.
    """
    settings, _ = _read_settings()
    return diff(one, other, settings.prompt) or f"{one} and {other} are the same"
