"""Report and overview in Japanese."""

from __future__ import annotations

import tomllib
from pathlib import Path

from data_contracts.documents.trust import Answer
from data_contracts.tables.metrics import ReasonCode
from tasks.reports.words.forms import ReportWords

JAPANESE = ReportWords(
    answers={Answer.YES: "信頼できます", Answer.NO: "信頼できません", Answer.CANNOT_TELL: "判断できません"},
    reasons={
        "unbalanced": "件数が合いません。有効なコメント {valid} 件に対し、判定が {count} 件あります。",
        "incomplete": "判定できたコメントは {share} だけです。{count} 件中 {lacking} 件に判定がありません。",
        "accuracy": "人のラベルとの一致が以前より低下しています。"
        "{day} のラベル {n} 件で {value}、通常は {baseline} です。",
        "golden_accuracy": "基準コメントの判定が以前より悪化しています。"
        "期待どおりの判定は {value}、通常は {baseline} です。",
        "golden_flip_rate": "判定の仕方が変わりました。基準コメントの {value} で、最初の夜と答えが異なります。",
        "attack_success_rate": "攻撃用の基準コメントの成功が以前より増えています。{value}、通常は {baseline} です。",
        "empty": "コメントが届いていないため、信頼すべき判定がありません。",
        "labels_stopped": "以前の日にはあったラベルが届かなくなりました。",
        "no_labels": "直近 {days} 日のラベルがなく、判定が正しいか確かめられません。",
        "learning": "ラベル {n} 件との一致は {value}({low}〜{high})ですが、比較できる夜がまだ足りません。",
        "provisional": "{day} のラベルはまだ集まっている途中です(現在 {n} 件)。",
        "few_labels": "ラベルが少なく判断できません({day} 分 {n} 件)。",
        "changed": "{what}が {change_day} から {new} に変わりましたが、有効な最新のラベルは {day} のものです。",
        "alert_open": "品質のアラートがまだ解消していません。",
        "outputs": "判定の傾向が変わりました。{metric}が {value}、通常は {baseline} です。"
        "この夜のラベルがなく、正しい変化かどうか確かめられません。",
        "agrees": "判定は {day} のラベル {n} 件の {value}({low}〜{high})と一致し、以前と変わりません。",
        "lacking": "{count} 件中 {lacking} 件のコメントに判定がありません。",
        "apart": "判定の正しさには影響しませんが、普段と違う点があります:{metric}。",
    },
    steps={
        "judge_again": "使われる前に、この日を再度判定してください。",
        "ask_again": "回答に失敗した {lacking} 件を再度問い合わせてください。料金はその分だけかかります。",
        "review": "判定のない {lacking} 件を人が確認してください。確認リストに載っています。",
        "set_prompt_back": "判定を確認なしに使わないでください。MODERATION_PROMPT_VERSION を {old} に戻してください"
        "({new} は {day} から使用)。変更点:",
        "set_model_back": "判定を確認なしに使わないでください。MODERATION_MODEL_ID を {old} に戻してください"
        "({new} は {day} から使用)。",
        "label": "判定を確認なしに使わないでください。悪化の前にプロンプトもモデルも変わっていません。"
        "何が誤って判定されているか、この夜のコメントにラベルを付けて確かめてください。",
        "label_first": "この夜のコメントにラベルを付けてください。それまでは判定を慎重に扱ってください。",
        "ask_upstream": "本当にコメントがない日だったのか、上流に確認してください。",
        "ask_labelers": "ラベルが届かない理由を、ラベル付けの担当者に確認してください。",
        "wait": "今は対応不要です。今後のラベルと夜の結果で分かります。",
        "look": "判定への対応は不要です。普段と違う点を下で確認してください。",
        "nothing": "対応は不要です。",
    },
    versions={"prompt": "プロンプト", "model": "モデル"},
    states={
        "published": "公開済み",
        "degraded": "悪化",
        "partial": "一部欠落",
        "running": "実行中",
        "stopped": "停止",
        "not_published": "未公開",
    },
    groups={"quality": "品質", "outputs": "出力", "inputs": "入力", "pipeline": "処理", "money": "料金"},
    labels={"sample labels": "標本のラベル", "planted labels": "混入コメントのラベル", "no labels": "ラベルなし"},
    codes={
        ReasonCode.NO_LABELS: "ラベルが届いていない",
        ReasonCode.PROVISIONAL: "暫定値。この日のラベルはまだ届く",
        ReasonCode.COLLECTING: "比較の基準をまだ集めている",
        ReasonCode.NOT_MEASURED: "測るものがなかった",
        ReasonCode.IMPOSSIBLE: "あり得ない数値",
        ReasonCode.FEW_NIGHTS: "比較できる夜がまだ足りない",
        ReasonCode.FEW_ITEMS: "件数が少なく判断できない",
        ReasonCode.EVENT: "予告された行事の期間",
        ReasonCode.SHOWN: "参考値。通知の対象にはならない",
    },
    typical={
        "text_length_log": "標準的なコメントの文字数",
        "input_tokens_log": "標準的な回答の入力トークン数",
        "output_tokens_log": "標準的な回答の出力トークン数",
    },
    page=tomllib.loads((Path(__file__).parent / "page_japanese.toml").read_text(encoding="utf-8")),
)
