"""The last 28 days in one table: for the terminal, as a page of the Prefect UI, as JSON and in the report.

`days` says what each day amounts to, `read_overview` reads it, `lines` writes it down. One source, whoever shows it.
"""
