"""What the reviewer's page says, in English and in Japanese."""

from __future__ import annotations

from dataclasses import dataclass, fields

from tasks.base.settings import Language


@dataclass(frozen=True)
class ScriptWords:
    """What the script says; `{n}` and the like are filled in there."""

    hidden: str
    comment: str
    show_first: str
    choose_first: str
    saving: str
    saved: str
    taken_back: str
    nothing_to_take_back: str
    not_saved: str
    not_loaded: str
    gone: str
    session_over: str
    defect: str
    left: str
    disputes: str
    today: str
    unsure_today: str
    break_lead: str
    unsure_part: str
    one_says: str
    other_says: str


@dataclass(frozen=True)
class PageWords:
    """Everything else that the page says."""

    own_name: str
    title: str
    rater: str
    loading: str
    show: str
    hide_texts: str
    categories: str
    unsure: str
    note: str
    note_hint: str
    undo: str
    next: str
    guideline: str
    guideline_lead: str
    whole_guideline: str
    dispute: str
    dispute_lead: str
    break_title: str
    go_on: str
    done_title: str
    done_lead: str
    keys: str
    key_list: tuple[tuple[str, str], ...]
    no_script: str
    names: dict[str, str]
    texts: ScriptWords

    @property
    def script(self) -> dict[str, str]:
        """The script's words by their names."""
        return {field.name: getattr(self.texts, field.name) for field in fields(self.texts)}


ENGLISH = PageWords(
    own_name="English",
    title="Review comments",
    rater="Rater",
    loading="Loading",
    show="Show the text",
    hide_texts="Blur each text until I ask for it",
    categories="Which category is it?",
    unsure="Unsure",
    note="Note (optional)",
    note_hint="Why, in a few words. Do not copy the comment.",
    undo="Take back",
    next="Next",
    guideline="Guideline",
    guideline_lead="For every category",
    whole_guideline="Show the whole guideline",
    dispute="Two raters disagree",
    dispute_lead="Read what both say, then give your own answer. It decides.",
    break_title="Time for a break",
    go_on="Go on",
    done_title="Nothing is left",
    done_lead="No comment waits for you now. All your answers are kept. You can close this page and stop the command.",
    keys="Keys",
    key_list=(
        ("Enter", "show the text; then, after an answer, the next comment"),
        ("0", "no violation"),
        ("1–{last}", "the category with this number"),
        ("u", "unsure"),
        ("n", "write a note (Esc ends it)"),
        ("z", "take the last answer back"),
    ),
    no_script="This page needs JavaScript.",
    names={
        "none": "No violation",
        "harassment": "Harassment",
        "hate": "Hate",
        "sexual": "Sexual",
        "violence": "Violence",
        "illegal": "Illegal goods or acts",
        "privacy": "Privacy",
        "spam": "Spam",
        "fraud": "Fraud",
    },
    texts=ScriptWords(
        hidden="The text is blurred. Press Enter to show it.",
        comment="Comment",
        show_first="Show the text first: press Enter.",
        choose_first="Choose a category first, or u for unsure.",
        saving="Saving …",
        saved="Saved: {answer}.",
        taken_back="Taken back: {answer}. Answer again.",
        nothing_to_take_back="There is no answer to take back.",
        not_saved="Not saved. Press the key again. {detail}",
        not_loaded="The next comment did not come. Press Enter to try again. {detail}",
        gone="The command does not answer. What the page called saved is kept. Is the command still running?",
        session_over="This page is of an earlier run. Open the link that the command prints.",
        defect="Something went wrong here ({detail}). Reload the page.",
        left="{n} left",
        disputes="{n} to settle",
        today="{n} answered today",
        unsure_today="{n} unsure",
        break_lead="Comments judged in a row: {n}. Look away from the screen for some minutes.",
        unsure_part="Unsure is no label. Another rater may be asked about this comment.",
        one_says="One rater: {answer}",
        other_says="Another rater: {answer}",
    ),
)

JAPANESE = PageWords(
    own_name="日本語",
    title="コメントの確認",
    rater="評価者",
    loading="読み込み中",
    show="本文を表示",
    hide_texts="本文は操作するまでぼかす",
    categories="カテゴリを選んでください",
    unsure="判断できない",
    note="メモ(任意)",
    note_hint="理由を短く。コメントの本文は書き写さないでください。",
    undo="取り消す",
    next="次へ",
    guideline="ガイドライン",
    guideline_lead="全カテゴリ共通",
    whole_guideline="ガイドライン全文を表示",
    dispute="2 人の評価が分かれています",
    dispute_lead="両者の意見を読んでから、ご自身の判断を入力してください。その判断で確定します。",
    break_title="休憩してください",
    go_on="続ける",
    done_title="残りはありません",
    done_lead="現在、あなたの確認を待つコメントはありません。回答はすべて保存済みです。ページを閉じ、コマンドを終了してかまいません。",
    keys="キー操作",
    key_list=(
        ("Enter", "本文を表示。回答後は次のコメントへ"),
        ("0", "違反なし"),
        ("1–{last}", "その番号のカテゴリ"),
        ("u", "判断できない"),
        ("n", "メモを書く(Esc で終了)"),
        ("z", "直前の回答を取り消す"),
    ),
    no_script="このページには JavaScript が必要です。",
    names={
        "none": "違反なし",
        "harassment": "嫌がらせ・侮辱",
        "hate": "差別・ヘイト",
        "sexual": "性的な内容",
        "violence": "暴力・脅迫",
        "illegal": "違法な商品・行為",
        "privacy": "個人情報",
        "spam": "スパム・宣伝",
        "fraud": "詐欺",
    },
    texts=ScriptWords(
        hidden="本文はぼかしてあります。Enter で表示します。",
        comment="コメント",
        show_first="先に本文を表示してください(Enter)。",
        choose_first="カテゴリを選んでください。判断できない場合は u です。",
        saving="保存中…",
        saved="保存しました:{answer}",
        taken_back="取り消しました:{answer}。もう一度回答してください。",
        nothing_to_take_back="取り消せる回答はありません。",
        not_saved="保存できませんでした。もう一度キーを押してください。{detail}",
        not_loaded="次のコメントを取得できませんでした。Enter で再試行します。{detail}",
        gone="コマンドが応答しません。「保存しました」と表示された回答は残っています。コマンドが実行中か確認してください。",
        session_over="このページは以前の実行のものです。コマンドが表示したリンクを開いてください。",
        defect="内部エラーが発生しました({detail})。ページを再読み込みしてください。",
        left="残り {n} 件",
        disputes="うち要裁定 {n} 件",
        today="本日 {n} 件回答",
        unsure_today="うち判断できない {n} 件",
        break_lead="続けて {n} 件確認しました。数分間、画面から目を離してください。",
        unsure_part="「判断できない」はラベルになりません。別の評価者に回ることがあります。",
        one_says="評価者 1:{answer}",
        other_says="評価者 2:{answer}",
    ),
)

WORDS: dict[Language, PageWords] = {"en": ENGLISH, "ja": JAPANESE}


def category_name(category: str, words: PageWords) -> str:
    """A category's name for people; one of a prompt of the site's own goes by what the prompt calls it."""
    return words.names.get(category, category)
