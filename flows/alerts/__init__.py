"""Alerts and Prefect: the form that snoozes a group, and the events that automations wait for."""
