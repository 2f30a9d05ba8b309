"""What is said where Bedrock does not take several comments in one request, in each language."""

from __future__ import annotations

from collections.abc import Mapping

PACKS_TITLE: Mapping[str, str] = {
    "en": "nightly {day}: packs refused",
    "ja": "nightly {day}: パック(複数コメントの一括依頼)が拒否されました",
}

PACKS_LEAD: Mapping[str, str] = {
    "en": "{model} does not take several comments in one request. Each comment is asked by itself: the verdicts "
    "come, at a higher price, if the budget allows it.",
    "ja": "{model} は複数コメントの一括依頼を受け付けません。予算の範囲で、コメントを 1 件ずつ判定します。"
    "判定は出ますが、費用は高くなります。",
}

PACKS_ADVICE: Mapping[str, str] = {
    "en": "Do: set MODERATION_POLICY to a policy without packs, or MODERATION_MODEL_ID to a model that takes them.",
    "ja": "対応: MODERATION_POLICY をパックのないポリシーにするか、"
    "MODERATION_MODEL_ID をパックを受け付けるモデルにしてください。",
}
