"""The JSON documents of evaluations: `evaluation/`, one model a module."""
