"""Verdicts that people checked: errors counted exactly, stratum by stratum, against a baseline that is locked."""
