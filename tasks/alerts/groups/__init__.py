"""The memory of the alerts: one state machine a group, and its record in S3.

`phases` is the table of legal moves, `machine` decides, `record` reads and writes state/alerts/groups/GROUP.json by
conditional writes, `sending` sends what the record says is to be sent, `former_records` reads what earlier versions
kept.
Never here: a sentence that people read.
"""
