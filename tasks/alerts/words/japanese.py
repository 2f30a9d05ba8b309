"""Alerts in Japanese; what a stopped night means, and what to do about it, is said by `advice_japanese.py`."""

from __future__ import annotations

from tasks.alerts.words.advice_japanese import STOPPED_JAPANESE
from tasks.alerts.words.forms import Words
from tasks.base.ports import Severity
from tasks.measure.detect.rules import Group

JAPANESE = Words(
    titles={
        "opened": "{where} [{severity}] {group}: {headline}",
        "escalated": "{where} [{severity}] {group}({before} から変更): {headline}",
        "added": "{where} [{severity}] {group}(追加): {headline}",
        "reminded": "{where} [{severity}] {group}({days} 日目): {headline}",
        "recovered": "{where} [ok] {group}: 解消({days} 日目)",
        "dropped": "{where} [report] {group}: 監視期間外: {headline}",
    },
    leads={
        "quality": "{day} の判定は公開済みですが、以前より誤った判定が増えている兆候があります。",
        "outputs": "{day} の判定は公開済みですが、これまでの夜と傾向が異なります。誤りかどうかはまだ分かりません。",
        "inputs": "{day} の判定は公開済みです。入力がこれまでの夜と異なります。",
        "pipeline": "{day} の判定は公開済みですが、一部が正しく処理されていません。",
        "money": "{day} の判定は公開済みですが、料金が想定を上回りました。",
        "blind": "{day} の判定は公開済みです。ラベルが届かなくなったため、判定の良し悪しは分かりません。",
    },
    occasions={
        "escalated": "{opened} から {before} でしたが、{severity} に変わりました。",
        "added": "この分類では {opened} から異常が続いています。新しいものを先に示します。",
        "reminded": "{opened} から続いています。解消しない場合は {remind} 日後に再度通知します。",
        "woken": "通知の一時停止が終わりました。{opened} から続いています。",
        "recovered": "{opened} から通知していた異常は解消しました。対応は不要です。",
        "dropped": "{opened} から続いていました。解消は確認できておらず、監視期間を過ぎました。",
    },
    severities={
        Severity.PAGE: "緊急度: page。すぐに確認してください。",
        Severity.TICKET: "緊急度: ticket。翌営業日の確認で間に合います。",
        Severity.REPORT: "緊急度: report。参考情報です。",
    },
    groups={
        Group.QUALITY: "品質",
        Group.OUTPUTS: "出力",
        Group.INPUTS: "入力",
        Group.PIPELINE: "処理",
        Group.MONEY: "費用",
    },
    advice={
        Group.QUALITY: "対応: ラベルと判定がどこで食い違うかをレポートで確認してください。"
        "プロンプトかモデルを変更した場合は MODERATION_PROMPT_VERSION または MODERATION_MODEL_ID を元に戻し、"
        "それまでは判定を確認なしに使わないでください。",
        Group.OUTPUTS: "対応: 例のコメントを読んでください。判定が正しければサイト側の変化です。"
        "誤っていれば品質の悪化として扱ってください。",
        Group.INPUTS: "対応: 上流で何が変わったか(エクスポート、キャンペーン、スパムの急増など)を"
        "確認してください。判定そのものは正しい可能性があります。",
        Group.PIPELINE: "対応: 回答が失敗した理由を下のコマンドで調べてください。"
        "回答のないコメントには判定がありません。"
        "モード partial のバックフィルなら、それらだけを再度問い合わせ、他の料金はかかりません。"
        "拒否された分は人が確認してください。",
        Group.MONEY: "対応: コメント 1 件あたりのトークン数をこれまでの夜と比べてください"
        "(プロンプトが長くなった、コメントが長くなった、モデルの単価が上がったなど)。"
        "次の夜の上限は MODERATION_MAX_COST_USD で決まります。",
    },
    metrics={
        "volume": "受信コメント数",
        "text_length_log": "コメントの長さ(対数平均)",
        "language_share": "コメントの言語別構成比",
        "product_share": "コメントの商品別構成比",
        "duplicate_rate": "ほかと同文のコメントの割合",
        "oov_rate": "これまで現れなかった語の割合",
        "text_shift": "当初の日々のコメントからの文面の隔たり",
        "violation_rate": "違反と判定されたコメントの割合",
        "violation_category_share": "違反のカテゴリー別構成比",
        "slot_violation_rate": "パック内の位置別、違反と判定された割合",
        "input_tokens_log": "入力トークン数(対数平均)",
        "output_tokens_log": "出力トークン数(対数平均)",
        "rejected_rate": "データ契約に反する入力行の割合",
        "malformed_rate": "形式の崩れた回答の割合",
        "refused_rate": "モデルが判定を拒否したコメントの割合",
        "error_rate": "Bedrock でエラーになったレコードの割合",
        "missing_rate": "回答のないレコードの割合",
        "cost_usd": "料金(米ドル)",
        "golden_flip_rate": "判定が変わった基準コメントの割合",
        "golden_accuracy": "期待どおりに判定された基準コメントの割合",
        "attack_success_rate": "成功した攻撃用基準コメントの割合",
        "overturn_rate": "人が覆した判定の割合",
        "label_error_rate": "使えないラベルの割合",
        "accuracy": "ラベルと一致した判定の割合",
        "precision": "違反と判定したうち、ラベルも違反の割合",
        "recall": "ラベルが違反のうち、検出できた割合",
        "f1": "違反検出の F1",
        "prevalence": "ラベルが違反とするコメントの割合",
    },
    stopped=STOPPED_JAPANESE,
    reasons={
        "shift": "今夜までの証拠の蓄積が限度 {evidence_limit} に達した",
        "jump": "一夜で標準偏差の {statistic} 倍の変化",
        "no_input": "コメントがまったく届いていない",
        "incomplete": "{n} 件のうち {x} 件がこの形で失敗し、ほかの失敗と合わせて一夜の限度を超えた",
        "no_labels": "以前の日にはあったラベルが届いていない",
    },
    silences={
        "no_input": "コメントの受信なし",
        "no_labels": "ラベルの受信なし",
    },
    phrases={
        "between_ids": ", ",
        "part": "({part})",
        "of_day": "({day} 分)",
        "between_facts": "、",
        "expected": "通常 {value}",
        "change": "変化 {effect}(限度 {threshold})",
        "interval": "95% 区間 {low}〜{high}",
        "n": "n {n}",
        "since": "{day} から",
        "reason": "。{reason}",
        "points": "{points} ポイント",
        "unknown": "不明",
        "amount": "{name} {value}",
        "amount_expected": "{name} {value}(通常 {baseline})",
        "silence": "{name}: {silence}",
        "and_more": "{headline}、ほか {count} 件",
        "unknown_now": "- {name}: 悪化していましたが、今夜は新しい値がありません",
        "ok": "- {name}: 正常",
        "ok_now": "- {name}: 現在 {value}(通常 {baseline})",
        "moved": "  変化の大きい内訳: {slices}",
        "slice": "{part} {value}(通常 {baseline})",
        "problem": "- {text}",
        "advice": "  対応: {text}",
        "over": "- 解消: {head}",
        "dropped": "- 解消は未確認: {head}",
        "new": "【新規】",
        "still": "【継続】",
        "prompt": "{day} にプロンプトが {before} から {after} に変わりました。",
        "model": "{day} にモデルが {before} から {after} に変わりました。",
        "same_versions": "プロンプトとモデルは {first} と同じです。",
        "event": "告知済みの予定: {name}({first}〜{last})。入力の変化はそのためかもしれません。",
        "hours": "{count} 時間",
        "minutes": "{count} 分",
        "examples": "  コメントの例: {ids}",
        "more": "- ほか {count} 件",
        "run": "{day} の実行 {run}",
        "report": "レポート: {uri}",
        "runbook": "手順書: {place}",
        "open": "開く: {link}",
        "next": "次に実行するコマンド: {command}",
        "snooze": "通知を一時停止するコマンド: {command}",
    },
)
