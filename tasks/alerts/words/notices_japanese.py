"""What is said of problems that are no metric, in Japanese."""

from __future__ import annotations

from tasks.alerts.words.forms import NoticeWords

_UNPUBLISHED = "{day} の夜間処理の結果が、期限({due})を過ぎても公開されていません。"
_PUBLISHED = "{day} の結果は公開されました。"
_AGAIN = "この日を再実行してください。支払い済みの分は台帳にあり、料金が二重にかかることはありません。"
_REFRESH = "正本である lake から書き直してください。"
_LOOK = "人による確認が必要です。ウォッチドッグではこれ以上わかりません。"

NOTICES_JAPANESE = NoticeWords(
    heads={
        "stop": "{day} の夜間処理が停止({error})",
        "stop_after": "{day} の夜間処理が公開後に停止({error})",
        "absent": "{day} の結果が未公開",
        "stopped": "{day} の結果が未公開",
        "died": "{day} の実行が異常終了",
        "late": "{day} の夜間処理が遅延",
        "unclosed": "{day} の夜間処理が未完了",
        "abandoned": "{day} の実行が異常終了",
        "no_balance": "{day} の件数の記録がない",
        "unbalanced": "{day} の件数が合わない",
        "rows": "{day} の lake/{table} の行数が夜間処理の記録と異なる",
        "other_run": "{day} の lake/{table} に別の実行の行がある",
        "plain_absent": "{day} の {table}.parquet がない",
        "plain_rows": "{day} の {table}.parquet の行数が lake と異なる",
        "plain_other": "{day} の {table}.parquet が別の実行のもの",
        "plain_broken": "{day} の {table}.parquet が読めない",
        "unknown_job": "{day} の台帳にない Bedrock ジョブ",
        "unowned_job": "{day} の担当のない Bedrock ジョブ",
        "stuck": "{day} の未回収の回答",
        "lease": "{day} を実行が {ago}占有",
        "record": "{day} の記録が読めない",
        "table": "lake/{table} が読めない",
        "s3": "S3 を確認できない",
        "bedrock": "Bedrock のジョブを確認できない",
        "broken": "ウォッチドッグ自体の失敗",
        "late_input": "{day} に遅れて届いた入力",
        "unread_input": "{day} の読み込まれないオブジェクト",
    },
    problems={
        "stop": "{day} の夜間処理は {error} で停止しました。新しい結果は公開されていません: {reason}",
        "stop_after": "{day} の夜間処理は、判定の公開後に {error} で停止しました。判定はすでに読者に見えていますが、"
        "測定やレポートが欠けている可能性があり、夜間処理は完了していません: {reason}",
        "absent": f"{_UNPUBLISHED}処理中の実行はありません。",
        "stopped": f"{_UNPUBLISHED}実行 {{run}} が停止しました: {{reason}}",
        "died": f"{_UNPUBLISHED}実行 {{run}} が異常終了しました。最後の応答は確認時の {{ago}}前です。",
        "late": f"{_UNPUBLISHED}実行 {{run}} がまだ処理中です。",
        "unclosed": "{day} の判定は表にありますが、lake/nights に行がありません。夜間処理が完了していません。",
        "abandoned": "{day} の実行 {run} が異常終了し、引き継いだ実行がありません。最後の応答は確認時の {ago}前です。",
        "no_balance": "{day} を公開した実行 {run} の balance.json が読めません。",
        "unbalanced": "{day} の件数が合いません: 受信 {ingested}、有効 {valid}、除外 {rejected}、判定 {verdicts}。",
        "rows": "{day} の lake/{table} は {found} 行ですが、夜間処理の記録では {expected} 行です。",
        "other_run": "{day} の lake/{table} に実行 {found} の行がありますが、公開したのは実行 {expected} です。",
        "plain_absent": "{table}/date={day}/{table}.parquet がありません。lake にはこの日があります。",
        "plain_rows": "{table}/date={day}/{table}.parquet は {found} 行ですが、lake では {expected} 行です。",
        "plain_other": "{table}/date={day}/{table}.parquet は実行 {found} のもので、"
        "lake の実行 {expected} と異なります。",
        "plain_broken": "{table}/date={day}/{table}.parquet が読めません: {error}",
        "unknown_job": "Bedrock のジョブ {job}({status})が {day} の台帳にありません。回答を受け取る実行がありません。",
        "unowned_job": "Bedrock のジョブ {job}({status})が動いていますが、{day} を処理する実行が {ago}ありません。",
        "stuck": "{day} の台帳に未回収の項目が {count} 件あり、最も古いものは登録から {ago}経っています。",
        "lease": "実行 {run} が {day} を {ago}占有しています。",
        "record": "{day} の記録が読めません: {uri}",
        "table": "表 lake/{table} が読めません: {error}",
        "s3": "S3 を確認できません: {error}",
        "bedrock": "Bedrock のジョブを確認できません: {error}",
        "broken": "ウォッチドッグ自体が失敗しました: {error}",
        "late_input": "{day}: 実行 {run} の公開後に、新規 {new} 件、変更 {changed} 件、"
        "削除 {gone} 件のファイル: {names}",
        "unread_input": "{day}: {folder}/ の {count} 件のオブジェクトは読み込まれません: {names}",
    },
    ends={
        "": "",
        **dict.fromkeys(("stop", "stop_after", "absent", "stopped", "died", "late", "unclosed"), _PUBLISHED),
        "late_input": "{day} に遅れて届いた入力は判定済みです。",
    },
    advice={
        "stop": _AGAIN,
        "stop_after": _AGAIN,
        "absent": _AGAIN,
        "stopped": _AGAIN,
        "died": _AGAIN,
        "late": "進み具合を確認してください。ジョブが Bedrock の順番待ちの可能性があります。",
        "unclosed": _AGAIN,
        "abandoned": _AGAIN,
        "no_balance": _LOOK,
        "unbalanced": "本プログラムの不具合です。実行のフォルダーを残しておいてください。",
        "rows": "この日の版を一覧で確認してください。以前の版に戻せます。",
        "other_run": "実行が完了前に異常終了しました。" + _AGAIN,
        "plain_absent": _REFRESH,
        "plain_rows": _REFRESH,
        "plain_other": _REFRESH,
        "plain_broken": _REFRESH,
        "unknown_job": "誰も使わない料金がかかります。停止するか、作成者を確認してください。",
        "unowned_job": "この日を再実行すればジョブを引き継ぎます。不要ならジョブを停止してください。",
        "stuck": _AGAIN,
        "lease": "実行が進んでいるか確認してください。止まっていれば終了させると、1 分後に占有が解けます。",
        "record": _LOOK,
        "table": _LOOK,
        "s3": "認証情報、ネットワーク、権限を確認してください。ほかの項目は確認できていません。",
        "bedrock": "認証情報、ネットワーク、bedrock:ListModelInvocationJobs の権限を確認してください。",
        "broken": "本プログラムの不具合です。監視が行われていません。",
        "late_input": "これらの日を再判定してください。料金がかかるのは、まだ判定していないコメントだけです。",
        "unread_input": "その日のデータであれば、フォルダー直下か key=value 形式のサブフォルダーに *.parquet として"
        "書き出してください(遅れて届いた入力として扱われます)。そうでなければ、_ か . で始まる名前にしてください。",
    },
)
