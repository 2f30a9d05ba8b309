"""How often the detector rings without a fault, and how soon with one, on sites whose noise is drawn anew each time.

    python -m benchmarks.monitor_quality                      all tables, about an hour on one core
    python -m benchmarks.monitor_quality false delays         some of them: false, delays, stories, coverage, ablations
    python -m benchmarks.monitor_quality --sites 20 false     fewer sites a cell; --quick: ten
    python -m benchmarks.monitor_quality --real FOLDER        years of nights block-bootstrapped from real days

An episode is alarm nights at most 7 apart, each 14th night of a run counting as one more. A fault counts on its own
chart alone, and only in runs in which that was quiet in the week before. Figures carry their standard errors.
"""
