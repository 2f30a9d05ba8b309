"""What a job with packs answered: a row a comment, exact shares, and no words of one comment told of another."""

from __future__ import annotations

import json

import orjson
from hypothesis import given
from hypothesis import strategies as st

from prompts import load, sized
from tasks.jobs.output import Collected
from tasks.jobs.packed.pack_answers import AskedPack, collect_packs, shares
from tasks.ledger.prices import Price
from tasks.llm.answer_lines import PackReader
from tasks.llm.families import pick_family
from tasks.llm.pack_template import PackTemplate
from tests.factories import NOW

PROMPT = load("comment_review_pack", "v1")
CLAUDE = pick_family("anthropic.claude-haiku-4-5-20251001-v1:0", PROMPT)
READER = PackReader(CLAUDE, PROMPT.categories, PackTemplate(CLAUDE, sized(PROMPT, 2)))
PRICE = Price(500_000, 2_500_000)
CLEAR = {"violation": False, "category": "none", "confidence": 0.9, "explanation": ""}
SECRET = "my courier was Taro Yamada of the third street"


def line(pack: str, text: str, stop: str = "end_turn") -> bytes:
    usage = {"input_tokens": 1001, "output_tokens": 51}
    output = {"stop_reason": stop, "content": [{"type": "text", "text": text}], "usage": usage}
    return orjson.dumps({"recordId": pack, "modelOutput": output})


def collected(*lines: bytes, comments: tuple[str, ...] = ("a short one", SECRET)) -> Collected:
    packs = {"p1": AskedPack(("r1", "r2"), comments), "p2": AskedPack(("r3", "r4"), ("x", "y"))}
    return collect_packs(lines, packs, READER, PRICE, NOW)


def good(explanation: str = "") -> str:
    flagged = {"violation": True, "category": "privacy", "confidence": 0.9, "explanation": explanation}
    return json.dumps({"s01": flagged if explanation else CLEAR, "s02": CLEAR})


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**4), min_size=1, max_size=20))
def test_shares_add_up(total: int, weights: list[int]) -> None:
    parts = shares(total, weights)
    assert sum(part or 0 for part in parts) == total
    assert all(part is not None and part >= 0 for part in parts)


def test_the_rows_bear_what_the_job_used_to_the_token() -> None:
    found = collected(line("p1", good()), line("p2", good()))
    assert found.answers["record_id"].to_list() == ["r1", "r2", "r3", "r4"]
    assert set(found.answers["status"]) == {"judged"}
    assert (found.usage.input_tokens, found.usage.output_tokens) == (2002, 102)
    assert (found.answers["input_tokens"].sum(), found.answers["output_tokens"].sum()) == (2002, 102)
    assert found.usage.unattributed_cost_usd == 0.0
    short, long = found.answers["input_tokens"].to_list()[:2]
    assert short < long


def test_a_second_line_of_a_pack_is_nobodys_and_the_whole_one_counts() -> None:
    found = collected(line("p1", "no"), line("p1", good()), line("unknown", good()))
    assert found.answers["status"].to_list() == ["judged", "judged"]
    assert (found.usage.unattributed_input_tokens, found.usage.answered_count) == (2002, 1)


def test_an_explanation_that_quotes_a_neighbour_is_replaced() -> None:
    """What another customer wrote stands in nobody's verdict, nor what nobody can compare any more."""
    quoting = line("p1", good("Like Taro Yamada of the third street"))
    assert "Taro" not in str(collected(quoting).answers["explanation"].to_list())
    assert "Taro" not in str(collected(quoting, comments=()).answers["explanation"].to_list())
    kept = collected(line("p1", good("Names a private person."))).answers["explanation"].to_list()
    assert kept == ["Names a private person.", ""]


def test_a_refused_pack_refuses_no_comment() -> None:
    """Its comments are to be asked again, so none of them has the last word yet."""
    found = collected(line("p1", "", "refusal"), line("p2", good()[:30], "max_tokens"))
    assert found.answers["status"].to_list() == ["malformed"] * 4
    assert found.answers["status_detail"][0] == "its pack is refused: stop_reason refusal"
    assert found.answers["input_tokens"].sum() == 2002


def test_an_error_is_its_comments_error_and_quotes_none_of_them() -> None:
    error = {"recordId": "p1", "error": {"errorCode": 400, "errorMessage": f"cannot take {SECRET}"}}
    found = collected(orjson.dumps(error))
    assert found.answers["status"].to_list() == ["error", "error"]
    assert "Taro" not in str(found.answers["status_detail"].to_list())
    assert found.usage.cost_usd == 0.0


def test_an_answer_without_counts_leaves_the_cost_unknown() -> None:
    bare = {"recordId": "p1", "modelOutput": {"stop_reason": "end_turn", "content": [{"type": "text", "text": good()}]}}
    found = collected(orjson.dumps(bare))
    assert (found.usage.cost_usd, found.usage.unreported_count) == (None, 1)
    assert found.answers["input_tokens"].null_count() == 2
