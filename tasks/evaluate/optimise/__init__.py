"""Better or shorter guidelines: proposed, tried over a set's train and dev splits, one of them drafted.

`optimise_prompt` is called by a command. Candidates come through the port `Source`; drafts are asked by runs, models
that reflect by questions. Writes evaluation/drafts.
Never here: a change outside <guideline>; a promotion; a choice by the test split, which is looked at once, at the end.
"""
