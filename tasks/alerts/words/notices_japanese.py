"""What the watchdog and the late input check say, in Japanese."""

from __future__ import annotations

from tasks.alerts.words.forms import NoticeWords

_UNPUBLISHED = "{day} の夜間処理の結果が、期限({due})を過ぎても公開されていません。"
_AGAIN = "この日を再実行してください。支払い済みの分は台帳にあり、料金が二重にかかることはありません。"
_REFRESH = "正本である lake から書き直してください。"
_LOOK = "人による確認が必要です。ウォッチドッグではこれ以上わかりません。"

NOTICES_JAPANESE = NoticeWords(
    titles={
        "watchdog": {
            "wrong": "watchdog: {count} 件の異常",
            "more": "watchdog: 新たに {new} 件、計 {count} 件の異常",
            "still": "watchdog: {count} 件の異常が継続",
            "over": "watchdog: すべて正常に復帰",
            "dropped": "watchdog: {dropped} 件が監視期間外",
        },
        "late_input": {
            "wrong": "遅れて届いた入力: 公開済みの {count} 日分",
            "more": "遅れて届いた入力: 新たに {new} 日分、計 {count} 日分",
            "still": "遅れて届いた入力: {count} 日分が未判定のまま",
            "over": "遅れて届いた入力: すべて判定済み",
            "dropped": "遅れて届いた入力: {dropped} 日分が監視期間外",
        },
        "unread_input": {
            "wrong": "読み込まれないオブジェクト: {count} 日分のフォルダー",
            "more": "読み込まれないオブジェクト: 新たに {new} 日分、計 {count} 日分のフォルダー",
            "still": "読み込まれないオブジェクト: {count} 日分のフォルダーに残存",
            "over": "読み込まれないオブジェクト: すべて解消",
            "dropped": "読み込まれないオブジェクト: {dropped} 日分が監視期間外",
        },
    },
    headings={
        "new": "【新規】",
        "still": "【継続】",
        "over": "【解消】",
        "dropped": "【監視期間外】解消は確認できていません",
    },
    problems={
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
    advice={
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
    phrases={
        "problem": "- {text}",
        "advice": "  対応: {text}",
        "next": "次に実行するコマンド: {command}",
        "more": "- ほか {count} 件",
        "nothing": "対応は不要です。",
        "hours": "{count} 時間",
        "minutes": "{count} 分",
    },
)
