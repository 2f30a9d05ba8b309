"""Which comments share a request: as many as the policy says, no two of one user, of one product only if there is no
other way; those that might speak of their neighbours go alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import polars as pl

from data_contracts.batch_lines import slot_names

#: A longer comment has room for more than an opinion.
MAX_CHARS = 600
#: Words that one needs to speak of the answer or of the other comments, in NFKC and lower case: a comment with one of
#: them is asked alone, where it can talk about itself at most.
_SUSPICIOUS = (
    r"[<>{}]|&[lg]t;|```|\bs[0-9]{2}\b|\bid="
    r"|\b(?:ignore|disregard|override|guidelines?|json|moderat\w*|violations?|categor\w*|confidence|assistant)\b"
    r"|\b(?:new|your|previous|prior|these|following|above|earlier) (?:instruct|rule|prompt)|\b(?:system|the) prompt"
    r"|\b(?:comments?|reviews?|answers?|posts?)\b.{0,20}\b(?:above|below|before|after|here|are)\b"
    r"|\b(?:above|below|previous|following|preceding|other|next|all|every) (?:\w+ )?(?:comment|review|answer|post|one)"
    r"|\b(?:ones?|everything|those) (?:above|below|before|after)\b"
    r"|無視|指示|命令|プロンプト|システム|アシスタント|ガイドライン|判定|違反|審査|モデレ"
    r"|(?:上|下|前|次|後|他|ほか|以上|以下|全て|すべて)の?(?:コメント|レビュー|投稿)"
)


def is_suspicious() -> pl.Expr:
    """Whether a comment goes alone: it looks as if it spoke to the model, or is long.

    Columns: text, text_chars.
    """
    folded = pl.col("text").str.normalize("NFKC").str.to_lowercase()
    return (pl.col("text_chars") > MAX_CHARS) | folded.str.contains(_SUSPICIOUS)


def pack_size(most: int, record_count: int, min_job_records: int) -> int:
    """Comments of a request, so that the packs of so many comments still make a job; 1 where they do not."""
    size = min(most, record_count // max(min_job_records, 1))
    return size if size >= 2 else 1


def form_packs(comments: pl.DataFrame, most: int, min_job_records: int) -> pl.DataFrame:
    """The comments that are asked in packs, each pack full: one size a night is one schema for Bedrock to compile.

    What is left over is no row: it is asked singly. Comments are dealt out product by product, each to the next pack
    with room that has neither its user nor its product; a product with more comments than there are packs comes twice
    where it has to. The order within a pack is that of the record ids, which are hashes.

    Columns: record_id, user_id, product_id -> record_id, pack (from 0), slot; in order of pack and slot.
    """
    size = pack_size(most, comments.height, min_job_records)
    for tried in range(size, 1, -1):
        packs = _dealt(comments, comments.height // tried, tried)
        full = [sorted(pack) for pack in packs if len(pack) == tried]
        if len(full) >= max(min_job_records, 1):
            return _frame(sorted(full), tried)
    return _frame([], 2)


def _dealt(comments: pl.DataFrame, pack_count: int, size: int) -> list[list[str]]:
    sizes = comments.group_by("product_id").len("_product_size")
    ordered = comments.join(sizes, on="product_id").sort(
        "_product_size", "product_id", "record_id", descending=[True, False, False]
    )
    packs: list[list[str]] = [[] for _ in range(pack_count)]
    users: list[set[str]] = [set() for _ in packs]
    products: list[Counter[str]] = [Counter() for _ in packs]
    of_product: Counter[str] = Counter()
    following = 0
    for record_id, user, product in ordered.select("record_id", "user_id", "product_id").iter_rows():
        allowed = of_product[product] // pack_count  # a product comes once in each pack before it comes twice in any
        of_product[product] += 1
        places = chain(range(following, pack_count), range(following))
        open_to = (place for place in places if len(packs[place]) < size and user not in users[place])
        other_way = None
        for place in open_to:
            if products[place][product] <= allowed:
                break
            other_way = place if other_way is None else other_way
        else:
            if other_way is None:
                continue
            place = other_way
        packs[place].append(record_id)
        users[place].add(user)
        products[place][product] += 1
        following = (place + 1) % pack_count
    return packs


def _frame(packs: Sequence[Sequence[str]], size: int) -> pl.DataFrame:
    rows = [
        (record_id, number, slot)
        for number, pack in enumerate(packs)
        for slot, record_id in zip(slot_names(size), pack, strict=True)
    ]
    return pl.DataFrame(rows, schema={"record_id": pl.String, "pack": pl.Int64, "slot": pl.String}, orient="row")
