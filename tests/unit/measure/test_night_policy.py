"""What a deployment tells its detector: announced days, and changes that were wanted."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from data_contracts.documents.rebaselined import Rebaselining
from tasks import adapters
from tasks.adapters.storage import Storage
from tasks.base import paths
from tasks.base.settings import Settings
from tasks.measure.night_policy import note_rebaselining, policy_of
from tests.measured_nights import settings_in

CHANGE = Rebaselining(
    date=date(2026, 11, 20), metrics=("accuracy",), why="promoted v2", noted_at=datetime(2026, 11, 20, tzinfo=UTC)
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose roots are folders."""
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "ap-northeast-1")
    return settings_in(tmp_path)


@pytest.fixture
def storage(settings: Settings) -> Storage:
    """Where the state is kept."""
    return adapters.connect(settings).storage


def test_without_announcements_the_shipped_policy_judges(settings: Settings, storage: Storage) -> None:
    """Nothing announced, nothing accepted."""
    policy = policy_of(storage, settings)
    assert (policy.events, policy.rebaselined) == ((), ())


def test_a_change_that_was_noted_is_compared_with_from_its_night_on(settings: Settings, storage: Storage) -> None:
    """What a promotion notes starts a new baseline for its metrics; noting it again adds nothing."""
    for change in (CHANGE, CHANGE, CHANGE.model_copy(update={"date": date(2026, 11, 24), "metrics": ()})):
        note_rebaselining(storage, settings, change)
    policy = policy_of(storage, settings)
    assert policy.rebaselined == ((date(2026, 11, 20), ("accuracy",)), (date(2026, 11, 24), ()))
    assert policy.baseline_start("accuracy", date(2026, 11, 22)) == date(2026, 11, 20)
    assert policy.baseline_start("volume", date(2026, 11, 22)) == date.min


def test_the_events_file_accepts_changes_too(settings: Settings, storage: Storage, tmp_path: Path) -> None:
    """An operator's [[rebaselined]] stands beside what promotions note."""
    file = tmp_path / "events.toml"
    file.write_text('[[rebaselined]]\ndate = 2026-11-18\nmetrics = ["volume"]\n')
    note_rebaselining(storage, settings, CHANGE)
    policy = policy_of(storage, settings.model_copy(update={"events": file}))
    assert policy.rebaselined == ((date(2026, 11, 18), ("volume",)), (date(2026, 11, 20), ("accuracy",)))


def test_a_state_that_nobody_can_read_is_not_passed_over(settings: Settings, storage: Storage) -> None:
    """Without it an accepted change would ring again."""
    storage.put(paths.rebaselined(settings), b"{")
    with pytest.raises(ValidationError):
        policy_of(storage, settings)
