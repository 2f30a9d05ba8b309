"""What a night of N comments takes, stage by stage, beside a plain script's night and the moving of its bytes alone.

    python -m benchmarks.night --comments 300000 --against floor,baseline --json night.json

S3 is moto over HTTP in another process, with a Bedrock that answers at once: its time is left out. Each run is a
process of its own that has warmed up on a small day, so start-up is left out too. The runs are interleaved, and medians
are shown. The machine may be busy with other things: CPU seconds say more than seconds by the clock.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.nights import baseline, floor, ours
from benchmarks.nights.days import KINDS
from benchmarks.nights.measured import Taken, in_a_process, middle
from benchmarks.nights.server import Day, serving

_WORKS = {"ours": ours.play, "floor": floor.play, "baseline": baseline.play}
#: The floor moves what the run before it left.
_ORDER = ("baseline", "ours", "floor")


def main(
    comments: Annotated[int, typer.Option(min=200, help="Comments of the day.")] = 100_000,
    against: Annotated[str, typer.Option(help="What else is run: floor, baseline or both, with a comma.")] = "",
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each.")] = 1,
    day: Annotated[str, typer.Option(help="plain, repeated (half of the day is one text) or long.")] = "plain",
    is_bad: Annotated[bool, typer.Option("--bad", help="Bedrock answers badly, its lines shuffled.")] = False,
    delay_ms: Annotated[float, typer.Option(help="What each request to S3 waits.")] = 0.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the figures.")] = None,
) -> None:
    """Measure it."""
    names = [name for name in _ORDER if name in {"ours", *filter(None, against.split(","))}]
    if unknown := set(filter(None, against.split(","))) - _WORKS.keys():
        raise typer.BadParameter(f"--against knows floor and baseline, not {', '.join(sorted(unknown))}")
    kind = next((kind for kind in KINDS if kind == day), None)
    if kind is None:
        raise typer.BadParameter(f"--day is one of {', '.join(KINDS)}")
    found: dict[str, list[Taken]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(prefix="night-") as folder:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        with serving(Day(comments, kind, is_bad, delay_ms), Path(folder)) as served:
            for _ in range(repeats):
                for name in names:
                    if name != "floor":
                        served.clear()
                    found[name].append(in_a_process(_WORKS[name], served.address))
                    print(f"{name:9s}{_line(found[name][-1])}", flush=True)
    medians = {name: middle(runs) for name, runs in found.items()}
    _show(medians, comments)
    if json_file:
        what = {"comments": comments, "day": day, "is_bad": is_bad, "delay_ms": delay_ms, "repeats": repeats}
        json_file.write_text(json.dumps(what | _figures(medians, comments), indent=1) + "\n", encoding="utf-8")


def _line(taken: Taken) -> str:
    return (
        f"{taken.wall_s:8.1f} s {taken.cpu_s:8.1f} s CPU {taken.peak_mb:6d} MB peak {taken.request_count:6d} requests "
        f"{taken.read_mb:8,.0f} MB read {taken.written_mb:8,.0f} MB written"
    )


def _show(medians: dict[str, Taken], comments: int) -> None:
    print(f"\n{comments:,} comments, medians")
    for name, taken in medians.items():
        print(f"{name:9s}{_line(taken)}, {comments / taken.cpu_s:,.0f} comments a CPU second")
        for stage, (wall_s, cpu_s, peak_mb) in sorted(taken.stages.items(), key=lambda item: -item[1].cpu_s):
            if cpu_s >= 0.05 or wall_s >= 0.5:
                rate = comments / max(cpu_s, 0.01)
                print(f"    {stage:22s}{wall_s:8.1f} s {cpu_s:8.1f} s CPU {peak_mb:6d} MB {rate:12,.0f} a CPU second")
    for name, ratio in _ratios(medians).items():
        print(f"{name:24s}{ratio:8.2f}")


def _ratios(medians: dict[str, Taken]) -> dict[str, float]:
    """CPU over the baseline's, both without the floor's; seconds over the floor's; bytes read over those needed."""
    ratios, own = {}, medians["ours"]
    moved = medians.get("floor")
    if script := medians.get("baseline"):
        less = moved.cpu_s if moved else 0.0
        ratios["cpu_over_baseline"] = round((own.cpu_s - less) / (script.cpu_s - less), 3)
    if moved:
        ratios["wall_over_floor"] = round(own.wall_s / moved.wall_s, 2)
        ratios["read_over_needed"] = round(own.read_mb / moved.read_mb, 2)
    return ratios


def _figures(medians: dict[str, Taken], comments: int) -> dict[str, Any]:
    taken = {
        name: each._asdict()
        | {
            "records_per_s": round(comments / each.wall_s),
            "records_per_cpu_s": round(comments / each.cpu_s),
            "mb_per_s": round((each.read_mb + each.written_mb) / each.wall_s, 1),
            "request_count": each.request_count,
            "stages": {stage: taken._asdict() for stage, taken in each.stages.items()},
        }
        for name, each in medians.items()
    }
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "at": datetime.now(UTC).isoformat()}
    return {"machine": machine, "runs": taken, "ratios": _ratios(medians)}


if __name__ == "__main__":
    typer.run(main)
