"""What tokens cost, to the picodollar."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.documents.ledger import Mode
from tasks.base.errors import SettingsInvalid
from tasks.ledger.prices import PICODOLLARS, Price, find_price

HAIKU = "anthropic.claude-haiku-4-5-20251001-v1:0"
SHIPPED = Path(__file__).parents[3] / "prices.toml"
ENTRIES = tomllib.loads(SHIPPED.read_text(encoding="utf-8"), parse_float=Decimal)["price"]


@pytest.mark.parametrize(
    ("model_id", "mode", "expected"),
    [
        pytest.param(HAIKU, "batch", Price(500_000, 2_500_000), id="bare-batch"),
        pytest.param(HAIKU, "on_demand", Price(1_000_000, 5_000_000), id="bare-on-demand"),
        pytest.param(f"global.{HAIKU}", "batch", Price(500_000, 2_500_000), id="global-profile"),
        pytest.param(f"jp.{HAIKU}", "batch", Price(550_000, 2_750_000), id="regional-is-dearer"),
        pytest.param(
            f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{HAIKU}",
            "batch",
            Price(550_000, 2_750_000),
            id="arn-of-a-regional-profile",
        ),
        pytest.param("us.amazon.nova-micro-v1:0", "batch", Price(17_500, 70_000), id="regional-that-is-not-dearer"),
        pytest.param("anthropic.claude-0", "batch", None, id="unknown-model"),
        pytest.param(
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2",
            "batch",
            None,
            id="profile-that-names-no-model",
        ),
    ],
)
def test_the_price_follows_model_scope_and_mode(model_id: str, mode: Mode, expected: Price | None) -> None:
    """Global and regional profiles, batch and on-demand differ; an unlisted model has no price, not a price of 0."""
    assert find_price(model_id, mode) == expected


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["model"])
def test_every_shipped_price_is_a_whole_number_of_picodollars(entry: dict[str, dict[str, list[Decimal]]]) -> None:
    """Sums are exact because no listed price has a fraction of a picodollar a token; batch is never dearer."""
    for scope in {"global", "regional"} & set(entry):
        pairs = entry[scope]
        assert all(Decimal(price) * PICODOLLARS / 10**6 % 1 == 0 for pair in pairs.values() for price in pair)
        assert all(batch <= demand for batch, demand in zip(pairs["batch"], pairs["on_demand"], strict=True))


def test_the_shipped_prices_say_when_and_where_from() -> None:
    """A price list without a date and a source is no price list."""
    text = SHIPPED.read_text(encoding="utf-8")
    assert tomllib.loads(text)["retrieved"].year >= 2026
    assert "# Source: " in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[[price]\n", "TOMLDecodeError", id="not-toml"),
        pytest.param('[[price]]\nmodel = "m"\n', "KeyError: 'global'", id="no-price"),
        pytest.param('[[price]]\nmodel = "m"\nglobal = { on_demand = [1, 2] }\n', "KeyError: 'batch'", id="no-batch"),
        pytest.param('[[price]]\nmodel = "m"\nglobal = { batch = [1] }\n', "TypeError", id="one-number"),
        pytest.param('[[price]]\nmodel = "m"\nglobal = { batch = ["x", 1] }\n', "InvalidOperation", id="no-number"),
        pytest.param('[[price]]\nname = "m"\n', "KeyError: 'model'", id="no-model"),
    ],
)
def test_a_broken_price_file_is_refused(text: str, said: str, tmp_path: Path) -> None:
    """A file that cannot be read as prices stops the run, naming the setting, the file and the fault."""
    path = tmp_path / "prices.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsInvalid, match=rf"^MODERATION_PRICES: {path}: {said}"):
        find_price("m", "batch", path)


def test_an_absent_price_file_is_refused(tmp_path: Path) -> None:
    """A price file that is named and not there is a mistake, never "no price"."""
    with pytest.raises(SettingsInvalid, match=r"^MODERATION_PRICES: .*FileNotFoundError"):
        find_price("m", "batch", tmp_path / "absent.toml")


def test_a_price_file_of_ones_own_replaces_the_shipped_one(tmp_path: Path) -> None:
    """Integers are prices too, and a model that only the shipped file lists has none."""
    path = tmp_path / "prices.toml"
    path.write_text('[[price]]\nmodel = "m"\nglobal = { batch = [1, 2] }\n', encoding="utf-8")
    assert find_price("m", "batch", path) == Price(1_000_000, 2_000_000)
    assert find_price(HAIKU, "batch", path) is None


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**4)), max_size=20))
def test_costs_add_up_exactly(tokens: list[tuple[int, int]]) -> None:
    """The cost of all tokens is the sum of the costs of any split of them."""
    price = Price(550_000, 2_750_000)
    whole = price.cost_pico(sum(i for i, _ in tokens), sum(o for _, o in tokens))
    assert whole == sum(price.cost_pico(i, o) for i, o in tokens)
    assert round(price.cost_usd(1, 1) * PICODOLLARS) == 3_300_000
