"""Which errors stop a night, which are wrong usage, which may pass."""

from __future__ import annotations

import pytest

from tasks.base import errors
from tasks.base.errors import (
    BedrockRefused,
    BedrockUnavailable,
    ModerationError,
    NightStopped,
    NotPromoted,
    QuotaReached,
    RemeasureIncomplete,
    SchemaDrift,
    SettingsInvalid,
    SomethingWrong,
    StorageUnavailable,
    Transient,
    WrongUsage,
    describe_failure,
    is_transient,
)

#: What a look, a measurement or a gate ends with: it stopped no night.
FINDINGS = (SomethingWrong, RemeasureIncomplete, NotPromoted)
TREE = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ModerationError)]


class Ended:
    """A task run's state: its result raises what the task raised."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def result(self) -> str:
        if self.error is not None:
            raise self.error
        return "done"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(StorageUnavailable("slow down"), True, id="storage"),
        pytest.param(BedrockUnavailable("throttled"), True, id="bedrock"),
        pytest.param(QuotaReached("100 jobs"), True, id="quota"),
        pytest.param(BedrockRefused("no access"), False, id="refused"),
        pytest.param(SchemaDrift("column text is missing"), False, id="night-stopped"),
        pytest.param(SettingsInvalid("not set"), False, id="wrong-usage"),
        pytest.param(ValueError("a defect"), False, id="defect"),
        pytest.param(KeyboardInterrupt(), False, id="interrupted"),
        pytest.param(None, False, id="no-error"),
    ],
)
def test_only_what_may_pass_is_retried(error: BaseException | None, expected: bool) -> None:
    """Prefect retries a stage for a transient error and for nothing else."""
    assert is_transient(None, None, Ended(error)) is expected


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_is_of_one_kind_and_in_the_tree(kind: type[ModerationError]) -> None:
    """Each error stops the night, is wrong usage, is transient or is a finding; the module's docstring draws it."""
    families = [family for family in (NightStopped, WrongUsage, Transient, *FINDINGS) if issubclass(kind, family)]
    assert len(families) == (kind is not ModerationError)
    assert f" {kind.__name__} " in f"{(errors.__doc__ or '')} ".replace("\n", " ")


def test_a_failure_is_one_visible_line() -> None:
    """Whatever stopped a night is told in one line, and S3's answer to an unexpected error is not passed on."""
    assert describe_failure(BedrockRefused("no\n\x1b[2Jjob")) == ("BedrockRefused", "no [2Jjob")
    denied = PermissionError('403 Forbidden: <?xml version="1.0"?><Error><Token-0>secret</Token-0></Error>')
    assert describe_failure(denied) == ("PermissionError", "PermissionError: 403 Forbidden:")
