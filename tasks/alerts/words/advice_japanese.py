"""What `tasks/base/advice.py` says, in Japanese, by the error's name: for alerts and docs/runbook.ja.md."""

from __future__ import annotations

from tasks.base.advice import Advice

#: For whatever is not listed.
UNEXPECTED_JAPANESE = Advice(
    "想定外のエラーです。得られた回答は保存されています。",
    "実行のログを確認してから、この日を再実行してください。料金が二重にかかることはありません。"
    "繰り返し起きる場合は不具合として報告してください。",
)

_LATER = "時間をおいてこの日を再実行してください。料金が二重にかかることはありません。"
_SET = "最後の行が挙げる設定を直してください。設定の一覧は docs/settings.md にあります。"

_OF_NIGHTS = {
    "InputAbsent": Advice(
        "この日のフォルダーにコメントのファイルがありません。読み込まれないものがあれば、その名前が行に示されます。",
        "上流にエクスポートを確認し、届いてからこの日を再実行してください。",
    ),
    "InputIncomplete": Advice(
        "一日分がそろったことを示すオブジェクト(MODERATION_INPUT_MARKER)が時間内に届きませんでした。",
        "上流に確認してください。手動で実行すると、届いている分を判定します。",
    ),
    "InputChanged": Advice("処理中に入力ファイルが差し替えられたか、削除されました。", "この日を再実行してください。"),
    "SchemaDrift": Advice(
        "入力ファイルに列が足りないか、列の型が異なるか、ファイルを読み込めません。",
        "理由に挙がったファイルと列を確認してください。上流のエクスポートを直してもらうか、データ契約を広げてから、"
        "この日を再実行してください。",
    ),
    "LibraryPanicked": Advice(
        "使用しているライブラリが、エラーを返さずに異常終了しました。得られた回答は保存されています。",
        "理由に挙がった入力を確認してから、この日を再実行してください。料金が二重にかかることはありません。"
        "繰り返し起きる場合は、その行と入力を保存し、不具合として報告してください。",
    ),
    "TooManyRejected": Advice(
        "データ契約に反する行が許容範囲を超えました。Bedrock には何も送っていません。",
        "理由別の件数を確認してください。MODERATION_MAX_REJECTED_FRACTION を上げるのは、"
        "その除外が正しい場合だけにしてください。",
    ),
    "WrongTimeZone": Advice(
        "この日の範囲から外れた行は、別のタイムゾーンで見ればこの日に収まります。"
        "上流はそのタイムゾーンでフォルダーを区切っています。"
        "Bedrock には何も送っていません。",
        "理由が示すタイムゾーンを MODERATION_TIMEZONE に設定するか、"
        "設定どおりのタイムゾーンでフォルダーを区切ってもらってください。"
        "除外行の上限を上げると、毎日その一部が失われます。",
    ),
    "CriticalExpectationFailed": Advice(
        "この日の入力全体が想定から外れています(行が少なすぎる、本文がない、同じ ID の繰り返しなど)。"
        "Bedrock には何も送っていません。",
        "実行のフォルダーにある data_docs/index.html を開き、上流に確認してください。",
    ),
    "ChampionUnusable": Advice(
        "MODERATION_PROMPT_VERSION、MODERATION_MODEL_ID、MODERATION_POLICY のいずれかが `champion` を指していますが、"
        "この環境で判定に使えるチャンピオンがありません。理由の行に原因があります。Bedrock には何も送っていません。",
        "チャンピオンのプロンプトを含む版を配備するか、python -m flows evaluate promote --rollback で一つ前に戻すか、"
        "設定で版とモデルを指定してから、この日を再実行してください。",
    ),
    "BelowMinimum": Advice(
        "コメントの件数がバッチジョブの下限を下回り、MODERATION_ON_DEMAND が無効です。料金はかかっていません。",
        "MODERATION_ON_DEMAND を有効にするか、コメントが増えるのを待ってください。",
    ),
    "OverBudget": Advice(
        "見積もりが予算を超えたため、ジョブは投入していません。",
        "この日の料金がいつもより高い理由を調べてください。妥当であれば MODERATION_MAX_COST_USD を引き上げ、"
        "この日を再実行してください。",
    ),
    "CanaryFailed": Advice(
        "コメント 1 件で試したところ、モデルがリクエストを受け付けませんでした。ジョブは投入していません。",
        "プロンプトとモデルの組み合わせを確認してください。理由に AWS のメッセージがあります。",
    ),
    "BedrockRefused": Advice(
        "Bedrock がジョブまたは呼び出しを受け付けません。入力の検証、権限、利用資格のいずれかの問題です。",
        "AWS のメッセージが示す原因を取り除いてください。それまでは再実行しても変わりません。",
    ),
    "JobUnknown": Advice(
        "この日のジョブを Bedrock が認識していません。",
        "アカウントとリージョンがジョブの作成時と同じか確認してください。ジョブが失われている場合は "
        "python -m flows jobs forget --date D --job NAME --reason R で記録を閉じ(NAME は ARN でも構いません)、"
        "この日を再実行してください。",
    ),
    "JobFailed": Advice(
        "バッチジョブが回答を得られずに終わりました。同じ理由で繰り返すか、すでに繰り返しています。"
        "ほかのジョブの回答は保存されています。",
        "Bedrock のメッセージが示す点を直してから、この日を再実行してください。問い合わせるのは残りの分だけです。",
    ),
    "DeadlinePassed": Advice(
        "MODERATION_DEADLINE_H を過ぎてもジョブが止まらないか、回答が足りず MODERATION_AT_DEADLINE が stop です。",
        "この日を再実行してください。ジョブは引き継がれ、料金が二重にかかることはなく、残りの分だけを問い合わせます。",
    ),
    "TooFewJudged": Advice(
        "判定できたコメントが少なすぎるため公開していません。得られた回答は保存されています。",
        "この日を再実行してください。問い合わせるのは残りの分だけです。",
    ),
    "DayInUse": Advice(
        "別の実行がこの日を処理中です。",
        "終わるのを待つか、止まっている原因を確認してください。異常終了した実行の占有は、"
        "最後の応答から 1 分で解けます。",
    ),
    "StartedTooOften": Advice(
        "起動のたびに異常終了しました。",
        "実行の状態とログを確認し(メモリ不足ではありませんか)、この日の実行を新しく開始してください。",
    ),
    "LeaseLost": Advice(
        "この実行の応答が途絶えたため、別の実行がこの日を引き継ぎました。この実行は以後何も書いていません。",
        "引き継いだ実行の結果を確認してください。",
    ),
    "IllegalMove": Advice(
        "台帳の記録が許されない状態に変わるところでした。本プログラムの不具合であり、記録は変更していません。",
        "この日を再実行する前に、理由の行を添えて報告してください。",
    ),
    "Unbalanced": Advice(
        "行数またはトークン数が合いません。本プログラムの不具合であり、何も公開していません。",
        "実行のフォルダーを残し、不具合として報告してください。",
    ),
    "SettingsInvalid": Advice("設定が不足しているか、誤っています。何も行っていません。", _SET),
    "SettingsMissing": Advice("既定値のない設定が指定されていません。何も行っていません。", _SET),
    "PromptInvalid": Advice(
        "プロンプトファイルに必要な記述がないか、すでに判定に使った版が編集されています。",
        "ファイルを元に戻し、変更は次の版として書いてください。",
    ),
    "UnsupportedModel": Advice(
        "このモデル ID に対応するモデルファミリーがないか、推論プロファイルの背後のモデルが分かりません。",
        "最後の行が挙げるモデルから選ぶか、MODERATION_INVOCATION_TYPE=Converse を設定してください。"
        "アプリケーション推論プロファイルには bedrock:GetInferenceProfile を許可してください。",
    ),
    "StorageRefused": Advice(
        "S3 に拒否されました。バケットの不在、権限不足、アーカイブされたオブジェクト、KMS キーなど、"
        "再試行では解消しない原因です。",
        "最後の行が示す権限を与えるか、オブジェクトを復元してから(infra/iam/)、この日を再実行してください。",
    ),
    "StorageUnavailable": Advice("再試行しても S3 が正常に応答しませんでした。", _LATER),
    "BedrockUnavailable": Advice("再試行しても Bedrock が正常に応答しませんでした。", _LATER),
    "BedrockThrottled": Advice("再試行しても Bedrock に呼び出しを制限されました。", _LATER),
    "QuotaReached": Advice(
        "アカウントのジョブ数が上限に達しており、どれかが終わるまで Bedrock は新しいジョブを受け付けません。", _LATER
    ),
    "WorkersLost": Advice(
        "MODERATION_DASK_ADDRESS の Dask クラスターで、スケジューラーが応答しないか、ワーカーがないか、"
        "同じシャードでワーカーが次々に失われました。回答済みの分は保存されています。",
        "スケジューラーとワーカーが動いていて、シャード 1 つ分のメモリーがあることを確認するか(docs/scale.md)、"
        "この設定を外してから、この日を再実行してください。二重に課金されることはありません。",
    ),
}

_OF_COMMANDS = {
    "FlipsHeld": Advice(
        "このバックフィルは、公開済みの日の判定を MODERATION_MAX_FLIP_FRACTION より多く変えます。",
        "実行の flips.json を確認してください。同じバックフィルを --accept-flips を付けて始めるか、"
        "その日をそのままにしてください。",
    ),
    "Unanswered": Advice(
        "バックフィルの確認に MODERATION_APPROVAL_WAIT_H 以内に誰も答えませんでした。尋ねた内容は実行していません。",
        "同じバックフィルをもう一度始めてください。",
    ),
    "BackfillIncomplete": Advice(
        "バックフィルの一部の日が、それぞれの理由で停止しました。ほかの日は完了しています。",
        "それぞれの理由をこの手順書で引いてください。そのあと同じバックフィルを始めると、"
        "完了した日には手を付けません。",
    ),
    "NotRestorable": Advice(
        "指定した版は完成していないか、消去によってファイルが削除されています。",
        "戻せる版を一覧で確認してください: python -m flows restore --date D",
    ),
    "RemeasureIncomplete": Advice(
        "一部の日を再測定できませんでした。ほかの日は完了しています。",
        "理由を確認し、解消したらその日を再測定してください。",
    ),
    "SomethingWrong": Advice(
        "ウォッチドッグが異常を見つけました。何も止めていません。",
        "通知、または docs/runbook.md の「What the watchdog finds」(日本語版では「ウォッチドッグが見つけるもの」)"
        "にある対応を行ってください。",
    ),
    "NotPromoted": Advice(
        "チャンピオンは変わっていません。最後の行より上が関門の理由です。その間に別の人が昇格させた場合もあります。",
        "理由を確認してください。ラベルを増やして実行と比較をやり直すか、--despite に理由を添えて昇格させてください。",
    ),
    "NotRegistered": Advice(
        "Prefect サーバーが拒否したか、応答しません。",
        "PREFECT_API_URL とサーバーを確認し、もう一度登録してください: python -m flows register",
    ),
    "BadRows": Advice(
        "ラベルまたはラベル付きコメントのファイルに、受け付けられない行があります。"
        "どのファイルの内容も書き込んでいません。",
        "最後の行より上が挙げる行を直し、もう一度ファイルを渡してください。",
    ),
    "WrongUsage": Advice(
        "この呼び出しはそのままでは実行できません。何も行っていません。", "最後の行が示す点を改めてください。"
    ),
}

ADVICE_JAPANESE = {**_OF_NIGHTS, **_OF_COMMANDS}

#: What the alert of a stopped night says.
STOPPED_JAPANESE = {
    name: f"{advice.means}対応: {advice.do}" for name, advice in {"": UNEXPECTED_JAPANESE, **_OF_NIGHTS}.items()
}
