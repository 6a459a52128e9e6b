# SPDX-License-Identifier: Apache-2.0
"""The report: one file of Markdown, without names, paths and serial numbers of the machine."""

import datetime
import math
import os
import platform

from hardware_check import comparison
from hardware_check.basics import FAILED, NOT_COMPARED, NOT_TRIED, OK, OUT, short_uuid

NOTHING = "NOTHING COMPARED"


def compared(results):
    """Findings of two numbers."""
    return [one for one in results.findings if one.ours is not None and one.theirs is not None]


def verdict(results):
    """OK only where something was compared and nothing was out of tolerance or failed."""
    if any(one.verdict == OUT for one in results.findings):
        return OUT
    if any(step.verdict == FAILED for step in results.steps):
        return FAILED
    return OK if compared(results) else NOTHING


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |"
            for cells in lines]


def _number(value):
    return "none" if value is None else f"{value:.1f}"


def _microseconds(seconds):
    if seconds is None:
        return "none made"
    return "more than the largest bucket" if math.isinf(seconds) else f"{1e6 * seconds:.1f}"


def render(results, options):
    """The whole text."""
    parts = [
        ["# Hardware check", "", f"Verdict: {verdict(results)}.", ""] + _counts(results),
        ["## Machine", ""] + _machine(results),
        ["## What was run", ""] + _run(results, options),
        ["## Comparison with nvidia-smi", ""] + _comparison(results),
        ["## What else was tried", ""] + _steps(results),
        ["## Cost of driver calls", ""] + _costs(results),
        ["## What could not be compared or tried", ""] + _left_out(results),
        ["## Tolerances", ""] + _tolerances(),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _counts(results):
    count = {name: sum(one.verdict == name for one in results.findings)
             for name in (OK, OUT, NOT_COMPARED)}
    steps = {name: sum(step.verdict == name for step in results.steps)
             for name in (OK, FAILED, NOT_TRIED)}
    missing = count[OK] - sum(one.verdict == OK for one in compared(results))
    return [f"Comparisons: {count[OK]} OK (of which {missing} missing on both sides), "
            f"{count[OUT]} out of tolerance, {count[NOT_COMPARED]} not compared. "
            f"Other steps: {steps[OK]} OK, {steps[FAILED]} failed, {steps[NOT_TRIED]} not tried."]


def _machine(results):
    first = next(iter(results.gpus.values()))
    rows = [["Date", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")],
            ["Driver", first["driver_version"]],
            ["CUDA of the driver", results.cuda or "not known"],
            ["Kernel", f"{platform.system()} {platform.release()} {platform.machine()}"],
            ["CPUs", os.cpu_count()]]
    gpus = [[row["index"], short_uuid(uuid), row["name"], row.get("memory.total", ""),
             row.get("memory.reserved", ""), row.get("mig.mode.current", "")]
            for uuid, row in results.gpus.items()]
    return _table(["What", "This machine"], rows) + [""] + _table(
        ["GPU", "UUID", "Name", "Memory, MiB", "Reserved, MiB", "MIG mode"], gpus)


def _run(results, options):
    return [f"- The scaler: {results.version}.",
            f"- Compared over {options.seconds:g} s, its readings each second, with what "
            "nvidia-smi wrote each second beside it.",
            f"- Load: {results.load}."]


def _gpu(results, uuid):
    return f"{results.gpus[uuid]['index']}, {short_uuid(uuid)}"


def _comparison(results):
    rows = [[_gpu(results, one.uuid), one.row.metric, one.phase.name, _number(one.ours),
             _number(one.theirs), one.row.unit, one.column or "none", one.row.tolerance(),
             one.verdict + (f" ({one.note})" if one.note else "")]
            for one in results.findings if one.verdict != NOT_COMPARED]
    return ["Medians of each phase, without its first seconds.", ""] + _table(
        ["GPU", "Metric", "Phase", "Scaler", "nvidia-smi", "Unit", "Its column", "May differ by",
         "Verdict"], rows)


def _steps(results):
    return _table(["What", "Verdict", "Found"],
                  [[step.what, step.verdict, step.found] for step in results.steps])


def _costs(results):
    lines = []
    if results.call_costs:
        lines += ["From the scaler's own counters, in microseconds. Alone: nobody else was at the "
                  "driver. Loaded: nvidia-smi was, under the load. Longest: of any call since the "
                  "start.", ""]
        lines += _table(["Backend", "Call", "Calls", "Mean alone", "Mean loaded", "Longest"],
                        [[cost.backend, cost.call, cost.calls, _microseconds(cost.alone),
                          _microseconds(cost.loaded), _microseconds(cost.longest)]
                         for cost in results.call_costs])
    else:
        lines += ["What each call costs: not offered by this binary."]
    rows = []
    for window, name in (("alone", "Alone"), ("loaded", "Loaded")):
        spent = results.round_seconds.get(window)
        bounds = results.round_quantiles.get(window) or {}
        rows.append([name, "not offered by this binary" if spent is None else _microseconds(spent)]
                    + [_microseconds(bounds[quantile]) if quantile in bounds else "no rounds"
                       for quantile in (0.5, 0.9, 0.99)])
    return lines + ["", "A sampling round, in microseconds: time in the driver over all GPUs, and "
                    "how long the round took at most (bounds of a histogram).", ""] + _table(
        ["When", "In the driver", "Half of the rounds", "90 %", "99 %"], rows)


def _left_out(results):
    """One line for each reason, however many comparisons it took away."""
    reasons = {}
    for one in results.findings:
        if one.verdict == NOT_COMPARED:
            key = (one.row.metric, one.note)
            reasons.setdefault(key, set()).add(one.uuid)
    lines = [f"- {metric}, on {len(gpus)} of {len(results.gpus)} GPUs: {note}."
             for (metric, note), gpus in reasons.items()]
    lines += [f"- {text}." for text in results.not_tried]
    lines += [f"- {step.what}: {step.found}." for step in results.steps
              if step.verdict == NOT_TRIED]
    return lines or ["Nothing."]


def _tolerances():
    rows = [[row.metric, row.unit, " or ".join(column for column, _ in row.columns),
             row.tolerance(), row.why] for row in comparison.ROWS]
    return ["Columns of `nvidia-smi dmon` begin with dmon, its GPM columns with gpm, counters of "
            "`nvidia-smi nvlink` with nvlink; the others are those of its queries. MIG devices "
            "have no figures there and are not compared.", ""] + _table(
        ["Metric", "Unit", "nvidia-smi's column", "May differ by", "Why"], rows)
