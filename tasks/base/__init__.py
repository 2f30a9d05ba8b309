"""What every room stands on: settings, paths, errors and what to do about them, ports, frames, safe text, figures.

No stages; `stage` says how Prefect repeats one, `steps` runs one after another and notes how long it took.
Touches nothing outside the process. Only `stage` imports Prefect.
Never here: a word that belongs to one room alone, the clock, the environment (`settings` is the one reader of it).
"""
