"""Evaluation as a form in the Prefect UI: plan, approval, run, comparison, promotion; the classifier trained anew."""
