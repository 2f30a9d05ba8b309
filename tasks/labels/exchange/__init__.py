"""Label requests as files for people, and the answers back: CSV, JSON lines, Parquet, Label Studio's JSON.

No stages: `export_labels` and `import_labels` are called by commands, by a person, at any time.
Reads lake/label_requests, lake/verdicts, comments/date=D and labels/date=D; writes labels/date=D and local files.
Never here: a label that is changed or deleted; a verdict, stratum or probability in what raters get; a part of a file.
"""
