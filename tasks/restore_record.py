"""That a day was brought back from an earlier version: on record until the day is judged anew."""

from __future__ import annotations
