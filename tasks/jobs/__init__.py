"""Bedrock's jobs: submitted once, waited for, stopped, booked; single calls where there are too few comments."""
