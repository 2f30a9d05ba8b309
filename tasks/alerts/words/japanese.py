"""Alerts in Japanese."""

from __future__ import annotations

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
    stopped={
        "": "想定外のエラーです。得られた回答は保存されており、再実行しても料金が二重にかかることはありません。",
        "InputAbsent": "この日の入力がありません。上流のエクスポートを確認してください。",
        "InputIncomplete": "上流から完了の印が届きませんでした。手動で実行すると、届いている分を判定します。",
        "InputChanged": "処理中に入力ファイルが差し替えられました。この日を再実行してください。",
        "SchemaDrift": "上流のエクスポートで列が変わりました。上流で直してもらうか、データ契約を広げてください。",
        "TooManyRejected": "データ契約に反する行が多すぎます。Bedrock には何も送っていません。入力を確認してください。",
        "WrongTimeZone": "入力フォルダの日付は、設定とは別のタイムゾーンで区切られているようです。"
        "Bedrock には何も送っていません。上の行が示すタイムゾーンを設定し、除外行の上限は変更しないでください。",
        "CriticalExpectationFailed": "この日の入力全体が想定から外れています。Bedrock には何も送っていません。"
        "入力と上流のエクスポートを確認してください。",
        "ChampionUnusable": "設定は `champion` を指していますが、この環境で判定に使えるチャンピオンがありません。"
        "理由の行を見て、そのプロンプトを含む版を配備するか、"
        "python -m flows evaluate promote --rollback で一つ前に戻すか、"
        "設定で版とモデルを指定してから、その日を再実行してください。",
        "BelowMinimum": "コメントの件数がバッチジョブの下限を下回っています。",
        "OverBudget": "見積もりが予算を超えたため、ジョブは投入していません。原因を調べるか、"
        "MODERATION_MAX_COST_USD を引き上げてください。",
        "CanaryFailed": "コメント 1 件で試したところ、モデルがリクエストを受け付けませんでした。何も送信していません。"
        "プロンプトとモデルの組み合わせを確認してください。",
        "BedrockRefused": "Bedrock がジョブを受け付けません。原因を取り除くまで、再実行しても変わりません。",
        "JobUnknown": "この日のジョブを Bedrock が認識していません。"
        "アカウントとリージョンがジョブの作成時と同じか確認してください。ジョブが失われている場合は "
        "python -m flows jobs forget --date D --job NAME --reason R で記録を閉じ、この日を再実行してください。",
        "JobFailed": "バッチジョブが全体として失敗しました。得られた回答は保存されています。",
        "DeadlinePassed": "ジョブが期限内に終わりませんでした。"
        "次の実行が引き継ぎ、料金が二重にかかることはありません。",
        "TooFewJudged": "判定できたコメントが少なすぎるため公開していません。"
        "得られた回答は次の実行のために保存されています。",
        "DayInUse": "別の実行がこの日を処理中です。終わるのを待つか、止まっている原因を確認してください。",
        "StartedTooOften": "起動のたびに異常終了しました。状態とログを確認し、この日の実行を新しく開始してください。",
        "LeaseLost": "別の実行がこの日を引き継ぎました。この実行は以後何も書いていません。"
        "引き継いだ実行の結果を確認してください。",
        "IllegalMove": "台帳の記録が許されない状態に変わるところでした。本プログラムの不具合であり、"
        "記録は変更していません。この日を再実行する前に、上の行を添えて報告してください。",
        "Unbalanced": "処理の途中で行が失われたか増えています。本プログラムの不具合であり、何も公開していません。",
        "LibraryPanicked": "使用しているライブラリが異常終了しました。回答済みの分は保存されており、再実行しても料金が"
        "二重にかかることはありません。まず、理由に挙がった入力を確認してください。",
        "SettingsInvalid": "設定が不足しているか、誤っています。",
        "SettingsMissing": "既定値のない設定が指定されていません。",
        "PromptInvalid": "プロンプトファイルに必要な記述がありません。",
        "UnsupportedModel": "このモデル ID に対応するモデルファミリーがありません。",
        "StorageRefused": "S3 に拒否されました。バケットの不在、権限不足、アーカイブされたオブジェクトなど、"
        "再試行では解消しない原因です。",
        "StorageUnavailable": "再試行しても S3 が正常に応答しませんでした。時間をおいてこの日を再実行してください。",
        "BedrockUnavailable": "再試行しても Bedrock が正常に応答しませんでした。"
        "時間をおいてこの日を再実行してください。",
        "BedrockThrottled": "再試行しても Bedrock に呼び出しを制限されました。時間をおいてこの日を再実行してください。",
        "QuotaReached": "アカウントのジョブ数が上限に達しています。ジョブが終わってからこの日を再実行してください。",
    },
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
