"""What is said of a model's end, in each language: before a date is set, before the date, and after it."""

from __future__ import annotations

from collections.abc import Mapping

ENDING_TITLES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "legacy": "nightly {day}: model {model} is legacy",
        "ending": "nightly {day}: model {model} ends on {end}",
        "ended": "nightly {day}: model {model} has ended",
    },
    "ja": {
        "legacy": "nightly {day}: モデル {model} がレガシーになりました",
        "ending": "nightly {day}: モデル {model} は {end} に終了します",
        "ended": "nightly {day}: モデル {model} は終了しました",
    },
}

ENDING_LEADS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "legacy": "Amazon Bedrock calls {model} a legacy model: a successor is out, and an end will be set.",
        "ending": "{model} reaches its end of life on {end}, in {days} days. From then on every request fails.",
        "ended": "{model} reached its end of life on {end}. Its requests fail, or will soon.",
    },
    "ja": {
        "legacy": "Amazon Bedrock で {model} がレガシーになりました。後継モデルがあり、終了日はこれから決まります。",
        "ending": "{model} は {end} に提供が終了します(あと {days} 日)。以後、リクエストはすべて失敗します。",
        "ended": "{model} は {end} に提供が終了しました。リクエストは失敗するか、まもなく失敗します。",
    },
}

ENDING_ADVICE: Mapping[str, Mapping[str, str]] = {
    "en": {
        "legacy": "Do: evaluate its successors by the command below: it asks them about your sets and last night's "
        "label requests, and says which may be promoted. Then promote one, or set MODERATION_MODEL_ID.",
        "ending": "Do: evaluate its successors before {end} by the command below: it asks them about your sets and "
        "last night's label requests, and says which may be promoted. Then promote one, or set MODERATION_MODEL_ID.",
        "ended": "Do: set MODERATION_MODEL_ID to its successor now, and evaluate it at once by the command below.",
    },
    "ja": {
        "legacy": "対応: 下のコマンドで後継モデルを評価してください。評価用データと前夜のラベル依頼で比べ、"
        "昇格できるものを示します。その後、昇格させるか、MODERATION_MODEL_ID を切り替えます。",
        "ending": "対応: {end} までに、下のコマンドで後継モデルを評価してください。"
        "評価用データと前夜のラベル依頼で比べ、昇格できるものを示します。"
        "その後、昇格させるか、MODERATION_MODEL_ID を切り替えます。",
        "ended": "対応: すぐに MODERATION_MODEL_ID を後継モデルに切り替え、下のコマンドで評価してください。",
    },
}
