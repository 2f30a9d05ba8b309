"""Whether tonight is as other nights are: the contract for everybody who has a history of numbers, simulated or real.

    from tasks.measure.detect import Policy, detect, replay

`detect(history, policy)` answers for the last night of a history, `replay(history, policy)` for every night and every
chart seen up to it, each from the nights up to its own alone; `detect` of a shorter history is what `replay` says of
its last night. Both are pure: no clock, no files, no random numbers.

The history is a polars frame, one row a night and chart (metric, slice), in any order:
`date, metric, slice, kind, x, n, mean, variance`, the numbers of any numeric type. A `rate` is x of n; a `mean` has
mean and variance of n items; a `count` has x, the total, and n, what it is a total over, or null. All rows are final:
labels that are still coming in are left out by whoever asks.

The answer is a frame with a row a night and chart: `date, metric, slice, state, severity, effect, baseline, threshold,
since, statistic, evidence, evidence_limit, method, reason_code, reason`.
- `state`: `ok`, `degraded`, `cannot_tell` (too little was measured tonight; the reason says how much would tell),
  `no_data` (nothing came, or numbers that cannot be), `learning` (too few earlier nights).
- `severity`: `page` (wrong verdicts by the guaranteed evidence; no input; over 5 % of the answers failed), `ticket`
  (quality earlier, outputs, pipeline), `report` (inputs); null unless degraded, but for one case: accuracy without
  labels is `no_data`, and a `ticket` where at least 7 of the 28 nights before had some.
- `effect` is the value less `baseline`; `threshold` is how large it would have to be tonight to ring, given the
  evidence of earlier nights; all in the metric's unit. `statistic` is tonight's distance in deviations.
- `evidence` adds up over nights and rings at `evidence_limit`; `since` is the first night of an unbroken run.
Missing nights, rows, columns of numbers and labels, zero, infinite and absurd values never raise. Of several rows for
one chart and night one counts, whichever their order. Unknown metrics are compared with their own past, both ways.

Accuracy is judged on slice `all` alone, from the `stratum=` rows of a night where it has them, else from its own x of
n. Its other slices, and precision, recall, f1 and prevalence, are shown and never ring.
Inputs and outputs that keep a new level ring for some weeks, then it is what is normal. Quality is compared with all
nights but the last 14, so it follows a decay much more slowly than it decays; `Policy(rebaselined=...)` is how a change
that was wanted becomes normal at once.
`Policy().describe()` prints what is promised; `detectable.detectable` gives the change that each chart would show.
"""

from __future__ import annotations

from tasks.measure.detect.policy import Event, Policy
from tasks.measure.detect.replay import detect, replay

__all__ = ["Event", "Policy", "detect", "replay"]
