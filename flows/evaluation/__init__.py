"""Evaluation as a form in the Prefect UI: plan, approval, run, comparison, promotion; and the classifier trained anew."""
