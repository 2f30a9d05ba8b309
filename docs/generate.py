"""The parts of the documents that are made from code; a test fails when one of them is not current.

.venv/bin/python -m docs.generate        # in the checkout's root: writes them all again

Each part stands between two markers in its file. What is around them is written by hand.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from data_contracts.tolerances import Tolerances
from docs.cloudformation import dashboard_part, role_part
from docs.stages import stages_for_code, stages_for_people, table
from flows.register import NotRegistered
from sandbox.bedrock.faults import markdown_table
from tasks.adapters.stores.object_store import StorageRefused
from tasks.alerts.words import ADVICE_WORDS, NOTICE_WORDS, WORDS
from tasks.base import errors
from tasks.base.advice import ADVICE
from tasks.base.setting_names import ENV_PREFIX
from tasks.base.settings import Settings, Thresholds
from tasks.measure.detect.rules import RULES, Group

#: How a limit of a setting is written.
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
ROOT = Path(__file__).parents[1]
STACK = "infra/cloudformation/moderation.yaml"
COMMAND = ".venv/bin/python -m docs.generate"
ERRORS = {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind)}
ERRORS |= {kind.__name__: kind for kind in (StorageRefused, NotRegistered)}


def settings_table() -> str:
    """Every setting of a deployment, but for the two tables of numbers."""
    tables = (Thresholds, Tolerances)
    fields = {name: field for name, field in Settings.model_fields.items() if field.annotation not in tables}
    rows = [
        (f"`{ENV_PREFIX}{name.upper()}`", *_setting(field), field.description or "") for name, field in fields.items()
    ]
    return table(["setting", "default", "allowed", "what it is"], rows)


def numbers_table(model: type[BaseModel], name: str) -> str:
    """The fields of a nested setting; why each is what it is stands above the field or in its description."""
    reasons = _reasons(model)
    prefix = f"{ENV_PREFIX}{name.upper()}__"
    rows = [
        (f"`{prefix}{field.upper()}`", *_setting(info), info.description or reasons[field])
        for field, info in model.model_fields.items()
    ]
    return table(["setting", "default", "allowed", "what it is, and why"], rows)


def _setting(field: FieldInfo) -> tuple[str, str]:
    """The default of a setting, and what it may be as far as that is a range or a choice."""
    if field.is_required():
        default = "must be set"
    else:
        default = "none" if field.default in (None, (), {}) else f"`{_plain(field.default)}`"
    if get_origin(field.annotation) is Literal:
        return default, ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    bounds = [(sign, getattr(item, key, None)) for item in field.metadata for key, sign in SIGNS.items()]
    return default, ", ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:,}" if isinstance(value, int) else str(value)


def _reasons(model: type[BaseModel]) -> dict[str, str]:
    reasons, above = dict[str, str](), list[str]()
    for line in inspect.getsource(model).splitlines():
        if found := re.match(r" {4}#: (.*)", line):
            above.append(found[1])
        elif found := re.match(r" {4}(\w+):", line):
            reasons[found[1]], above = " ".join(above), []
    return reasons


#: How the runbook words what it says of every error, of every group and in the head of its table, by language.
RUNBOOK_WORDS = {
    "en": {
        "do": "**Do:** ",
        "usage": " Exit code 2: the call, a setting or a file must change first.",
        "transient": " It may pass: the stage was tried again several times, then the night stopped with exit code 1.",
        "stopped": " Exit code 1.",
        "unexpected": "An unexpected error",
        "degraded": "Degraded: {group}",
        "end": ".",
        "heads": "problem, the alert says, do",
    },
    "ja": {
        "do": "**対応:** ",
        "usage": "終了コード 2: 先に呼び出し、設定、ファイルのいずれかを直す必要があります。",
        "transient": "一時的な可能性があります。その段階を何度か再試行したのち、終了コード 1 で停止しました。",
        "stopped": "終了コード 1。",
        "unexpected": "想定外のエラー",
        "degraded": "悪化: {group}",
        "end": "。",
        "heads": "問題, 通知の文面, 対応",
    },
}


def errors_section(language: str = "en") -> str:
    """A heading for each error: what it means, how it ends a run, what to do; that language's alert says the same."""
    words, advice = RUNBOOK_WORDS[language], ADVICE_WORDS[language]
    parts = []
    for name in [*sorted(ADVICE), ""]:
        kind = ERRORS.get(name, errors.NightStopped)
        usage, passing = issubclass(kind, errors.WrongUsage), issubclass(kind, errors.Transient)
        end = words["usage" if usage else "transient" if passing else "stopped"]
        said = advice[name]
        parts.append(f"### {name or words['unexpected']}\n\n{said.means}{end}\n\n{words['do']}{said.do}")
    return "\n\n".join(parts)


def degraded_section(language: str = "en") -> str:
    """What to do about degraded measures, by group, as the alert says it."""
    said, words = WORDS[language], RUNBOOK_WORDS[language]
    parts = []
    for group in Group:
        metrics = [f"`{name}`" for name, rule in RULES.items() if rule.group is group and rule.weight]
        do = said.advice[group].removeprefix("Do: ").removeprefix("対応: ")
        head = words["degraded"].format(group=said.groups[group])
        parts.append(f"### {head}\n\n{', '.join(metrics)}{words['end']}\n\n{words['do']}{do}")
    return "\n\n".join(parts)


def problems_table(language: str = "en") -> str:
    """What the watchdog and the look for late input find, and what to do about each."""
    words = NOTICE_WORDS[language]
    rows = [
        (f"`{kind}`", re.sub(r"{(\w+)}", lambda blank: blank[1].upper(), said), words.advice[kind])
        for kind, said in words.problems.items()
    ]
    return table(RUNBOOK_WORDS[language]["heads"].split(", "), rows)


#: File, name of the part, and what makes it.
PARTS: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("tasks/__init__.py", "stages", stages_for_code),
    ("docs/night.md", "stages", stages_for_people),
    ("docs/settings.md", "settings", settings_table),
    ("docs/settings.md", "thresholds", lambda: numbers_table(Thresholds, "thresholds")),
    ("docs/settings.md", "tolerances", lambda: numbers_table(Tolerances, "tolerances")),
    ("docs/runbook.md", "errors", errors_section),
    ("docs/runbook.md", "degraded", degraded_section),
    ("docs/runbook.md", "problems", problems_table),
    ("docs/runbook.ja.md", "errors", lambda: errors_section("ja")),
    ("docs/runbook.ja.md", "degraded", lambda: degraded_section("ja")),
    ("docs/runbook.ja.md", "problems", lambda: problems_table("ja")),
    ("docs/sandbox.md", "faults", markdown_table),
    (STACK, "bedrock-role-trust", lambda: role_part("bedrock-role-trust.json", "AssumeRolePolicyDocument")),
    (STACK, "bedrock-role", lambda: role_part("bedrock-role.json", "PolicyDocument")),
    (STACK, "bedrock-role-key", lambda: role_part("bedrock-role.json", "PolicyDocument", of_key=True)),
    (STACK, "submitter", lambda: role_part("submitter.json", "PolicyDocument")),
    (STACK, "submitter-key", lambda: role_part("submitter.json", "PolicyDocument", of_key=True)),
    (STACK, "dashboard", dashboard_part),
)


def with_part(text: str, name: str, made: str) -> str:
    """A file's text with what was made between the part's markers.

    Raises:
        ValueError: if the markers do not stand there once.
    """
    first, last = f"<!-- {name}: made by {COMMAND} -->", f"<!-- end of {name} -->"
    if f"# {last}" in text:  # a file whose comments begin so
        last = f"# {last}"
    if text.count(first) != 1 or text.count(last) != 1:
        raise ValueError(f"the markers {first} and {last} must stand there once")
    return text[: text.index(first) + len(first)] + f"\n{made}\n" + text[text.index(last) :]


def main() -> None:
    """Write every part into its file."""
    for file, name, make in PARTS:
        path = ROOT / file
        path.write_text(with_part(path.read_text(encoding="utf-8"), name, make()), encoding="utf-8")


if __name__ == "__main__":
    main()
