"""What a model need not see becomes a typed placeholder, in both languages; what only looks like it stays."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.llm.masking import mask, masked, quotes_masked


@pytest.mark.parametrize(
    "number",
    [
        "090-1234-5678",
        "０９０−１２３４−５６７８",
        "090ー1234ー5678",
        "09012345678",
        "090 1234 5678",
        "090.1234.5678",
        "(090)1234-5678",
        "080(1234)5678",
        "050-1234-5678",
        "03-1234-5678",
        "(03)1234-5678",
        "03（1234）5678",
        "0312345678",
        "045-123-4567",
        "0466-12-3456",
        "04992-1-2345",
        "0120-123-456",
        "0120123456",
        "0800-123-4567",
        "0570-012-345",
        "+81 90-1234-5678",
        "+81-3-1234-5678",
        "+81 (0)90 1234 5678",
        "+819012345678",
        "010-81-90-1234-5678",
        "(415) 555-2671",
        "415-555-2671",
        "415.555.2671",
        "415 555 2671",
        "1-415-555-2671",
        "+1 415 555 2671",
        "+44 20 7946 0958",
    ],
)
def test_a_telephone_number_is_masked(number: str) -> None:
    """However it is written; what stands around it stays."""
    assert mask(f"電話は{number}まで") == "電話は[PHONE]まで"
    assert mask(f"call {number}, ok?") == "call [PHONE], ok?"


@pytest.mark.parametrize(
    "address",
    [
        "taro.yamada+shop@example.co.jp",
        "ＴＡＲＯ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "taro[at]example.com",
        "taro (at) example (dot) com",
        "a_b@mail.example.museum",
    ],
)
def test_a_mail_address_is_masked(address: str) -> None:
    """Also where it is written for people and not for machines."""
    assert mask(f"連絡は{address}まで") == "連絡は[EMAIL]まで"
    assert mask(f"mail {address}.") == "mail [EMAIL]."


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "４１１１−１１１１−１１１１−１１１１",
        "5555 5555 5555 4444",
        "2223003122003222",
        "3782 822463 10005",
        "3566002020360505",
        "3056 930902 5904",
        "6011111111111117",
        "6200000000000005",
    ],
)
def test_a_card_number_is_masked(number: str) -> None:
    """The issuers' own test numbers: their check digit is right."""
    assert mask(f"カード{number}です 12/29") == "カード[CARD]です 12/29"


@pytest.mark.parametrize(
    "address",
    [
        "東京都港区芝公園4丁目2-8",
        "東京都港区芝公園4-2-8",
        "港区芝公園四丁目2番8号",
        "〒105-0011 東京都港区芝公園4-2-8",
        "〒１０５−００１１　東京都港区芝公園４−２−８",
        "105-0011 東京都港区芝公園4-2-8",
        "北海道札幌市中央区大通西1丁目2番地",
        "神奈川県足柄下郡箱根町湯本256番地1",
        "京都府京都市東山区清水1-294",
        "埼玉県さいたま市大宮区桜木町1-7-5 ソニックハイツ203号室",
        "〒105-0011",
    ],
)
def test_a_japanese_postal_address_is_masked(address: str) -> None:
    """With its postal code, its house and its room; a quarter alone is nobody's address."""
    assert mask(f"住所は「{address}」です") == "住所は「[ADDRESS]」です"


@pytest.mark.parametrize(
    "address",
    [
        "221B Baker Street",
        "1600 Pennsylvania Avenue",
        "350 5th Ave",
        "742 Evergreen Terrace, Springfield, IL 62704",
        "12 North Main St., Apt 4B",
        "P.O. Box 1234",
        "Springfield, IL 62704",
    ],
)
def test_an_english_postal_address_is_masked(address: str) -> None:
    """A house with its street, a box, a town with its code."""
    assert mask(f"he lives at {address}!") == "he lives at [ADDRESS]!"


@pytest.mark.parametrize(
    "text",
    [
        "2019-01-15 の 10:30 に 3-4 人で行きました",
        "価格は1,234,567円、型番は ABC-1234-5678 です",
        "渋谷区では3-4人に1人が使っています",
        "渋谷1丁目のお店、東京都で1番おいしい",
        "この町で10年、市内の店を3-5軒回った",
        "ISBN 978-4-06-519981-0",
        "注文番号 1234567890123456",
        "0000 0000 0000 0000",
        "10 000 000 000 people, 1-2-3, 24/7, v1.2.3.4",
        "I give it 5 Stars, way better than the 2 Drive bays",
        "@taro さん、ありがとう",
        "look at example.com",
        "3 blocks down the road",
        "$100 Market Street is a book",
        "2,000 2-3 1000000000",
        "",
    ],
)
def test_what_is_none_of_them_stays(text: str) -> None:
    """Dates, prices, scores, order numbers, places: a masked price would be judged wrongly."""
    assert mask(text) == text


def test_a_comment_says_what_was_in_it() -> None:
    """Several kinds in one text; a second look finds nothing more."""
    text = "山田太郎、03-1234-5678、taro@example.com、東京都港区芝公園4-2-8。カードは4111 1111 1111 1111"
    once = "山田太郎、[PHONE]、[EMAIL]、[ADDRESS]。カードは[CARD]"
    assert mask(text) == mask(once) == once


def test_a_hostile_text_takes_no_time() -> None:
    """No pattern goes back over a long text again and again."""
    for piece in (
        "0",
        "0-",
        "a.",
        "a@",
        "a@a.",
        "市",
        "東京都市",
        "1丁目",
        "+1 ",
        "1 Aa ",
        "(at)",
        "4111 ",
        "A" * 20 + " ",
    ):
        text = piece * (20_000 // len(piece))
        assert len(mask(text)) <= len(text) + len(text) // len(piece) * len("[ADDRESS]")


def test_a_column_is_masked_and_null_stays() -> None:
    """As the frames of a night have it."""
    frame = pl.DataFrame({"text": ["090-1234-5678", None, "", "ok"]})
    assert frame.select(masked())["text"].to_list() == ["[PHONE]", None, "", "ok"]


def test_naming_placeholders_is_no_quotation() -> None:
    """An explanation may say which kinds stood there; the words around them it may not repeat."""
    seen = "この人の番号は[PHONE] [EMAIL] [ADDRESS]です、電話してやってください"
    for explanation, is_quoted in (
        ("It names [PHONE] [EMAIL] [ADDRESS] of somebody.", False),
        ("It says [ADDRESS]です、電話してやってください", True),
    ):
        assert quotes_masked(explanation, seen) is is_quoted
