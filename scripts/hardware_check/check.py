# SPDX-License-Identifier: Apache-2.0
"""The check itself: what is done when, and what is kept of it."""

import contextlib
import time

from hardware_check import comparison, costs, steps
from hardware_check.basics import (FAILED, Problem, Recording, Step, progress, public_words,
                                   short_uuid)
from hardware_check.loads import CommandLoad, CudaLoad

POLL_S = 1
FIRST_READINGS_S = 60
# Averages of the driver and of the scaler reach back so far, at most.
SETTLE_S = 3
# A phase in which too little was heard, of a machine that is busy, goes on for so long at most.
PATIENCE_S = 30
LEAST_SAMPLES = 2


class Results:
    """All that the report tells."""

    def __init__(self, smi, scaler):
        self.gpus = smi.gpus
        self.cuda = smi.cuda_version()
        self.version = scaler.version
        self.findings = []
        self.steps = []
        self.not_tried = []
        self.call_costs = []
        # By window ("alone", "loaded").
        self.round_seconds = {}
        self.round_quantiles = {}
        self.load = ""


class Check:
    """One run: `smi` is an NvidiaSmi, `scaler` a Scaler that serves, `options` those of cli.py."""

    def __init__(self, options, smi, scaler):
        self._options = options
        self._smi = smi
        self._scaler = scaler
        self._recording = Recording()
        self._phases = []
        self._streams = {}
        self.results = Results(smi, scaler)

    def run(self):
        self._first_readings()
        first = self._scaler.page()
        alone = max(self._options.seconds / 6, 1)
        progress(f"{alone:.0f} s with nobody else at the driver")
        time.sleep(alone)
        middle = self._scaler.page()
        self._compare()
        last = self._scaler.page()
        self._keep_costs(first, middle, last)
        self.results.steps += steps.same_devices(self._smi, last)
        self.results.steps += steps.release(self._scaler)
        return self.results

    def _first_readings(self):
        page = self._scaler.wait_page(lambda page: page.one("driver_open", backend="nvml") == 1
                                      and page.all("gpu_reading_age_seconds"), FIRST_READINGS_S)
        if page is None:
            raise Problem(f"the scaler has no reading after {FIRST_READINGS_S} s: "
                          f"{self._scaler.last_trouble()}")

    # The comparison.

    def _compare(self):
        with contextlib.ExitStack() as stack:
            dmon, self._why_no_dmon = self._smi.watch_dmon(self._recording)
            if dmon:
                self._streams["nvidia-smi dmon"] = dmon
                stack.callback(dmon.stop)
            query = self._streams["nvidia-smi's query"] = self._smi.watch_query(self._recording)
            stack.callback(query.stop)
            self._run_phases()
            self._note_streams()
        for uuid, gpu in self._smi.gpus.items():
            mig_enabled = gpu.get("mig.mode.current") == "Enabled"
            self.results.findings += [
                comparison.judge(self._recording, uuid, row, phase, mig_enabled,
                                 self._scaler.always_reads, self._why_no_column(row))
                for row in comparison.ROWS for phase in self._phases]

    def _why_no_column(self, row):
        columns = [column for column, _ in row.columns]
        unknown = [column for column in columns if column in self._smi.unknown_fields()]
        if unknown:
            return f"this nvidia-smi does not know {unknown[0]}"
        if any(column.startswith(("gpm.", "dmon.")) for column in columns):
            return f"nvidia-smi dmon has no such column: {self._why_no_dmon or 'not in its head'}"
        return ""

    def _note_streams(self):
        for name, stream in self._streams.items():
            what = f"{name} goes on and is understood"
            strange = (f"{stream.strange_lines} of {stream.lines} lines are not understood, the "
                       f"first: {stream.first_strange}")
            if stream.ended() is not None:
                found = f"it ended with status {stream.ended()}"
                self.results.steps.append(Step(what, FAILED, found))
            elif stream.strange_lines == stream.lines:
                self.results.steps.append(Step(what, FAILED, strange))
            elif stream.strange_lines:
                self.results.not_tried.append(f"{name}: {strange}")

    # Phases.

    def _run_phases(self):
        seconds = self._options.seconds
        if self._options.load:
            self._phases_with_command(seconds)
        elif self._options.no_load:
            self.results.load = "none, as asked"
            self._phase("as it is", seconds)
        else:
            self._phases_with_cuda(seconds)

    def _phases_with_command(self, seconds):
        self.results.load = "a command of who ran the check"
        self._phase("before", seconds / 4)
        self._phase("load", seconds / 2, CommandLoad(self._options.load))
        self._phase("after", seconds / 4)

    def _phases_with_cuda(self, seconds):
        idle = self._phase("idle", seconds / 4)
        compute = self._start_cuda("compute", seconds)
        if compute.error:
            self.results.load = "none"
            self.results.not_tried.append(f"a load: {compute.error}")
            self._phase("as it is", seconds * 3 / 4)
            return
        self.results.load = (f"built in, on {short_uuid(compute.uuid)} "
                             f"({public_words(compute.name)}), {compute.allocated_mib:.0f} MiB")
        busy = self._phase("compute", seconds / 3, compute)
        copy = self._start_cuda("copy", seconds)
        copying = None
        if copy.error:
            self.results.not_tried.append(f"a load of copies: {copy.error}")
        else:
            copying = self._phase("copy", seconds / 4, copy)
        after = self._phase("idle again", seconds / 6)
        self.results.steps += steps.load_shows(self._recording, compute, idle, busy, copying, after)

    def _start_cuda(self, kind, seconds):
        progress(f"starts a load ({kind})")
        # Twice what it is for: it is killed before.
        return CudaLoad(kind, 2 * seconds + 60, self._options.cuda_library).wait()

    def _phase(self, name, seconds, load=None):
        """A phase with a load that runs, which is killed in the end."""
        try:
            phase = self._record_phase(name, seconds)
            if load and not load.running():
                self.results.not_tried.append(f"a whole phase of {name}: the load ended by itself")
        finally:
            if load:
                load.kill()
        return phase

    def _record_phase(self, name, seconds):
        """Records the scaler for so long, nvidia-smi being recorded beside."""
        progress(f"{seconds:.0f} s: {name}")
        begin = time.monotonic()
        phase = comparison.Phase(name, begin + min(SETTLE_S, seconds / 4), begin + seconds)
        self._poll_until(phase.begin)
        counted, counters = self._count_nvlink()
        lines = {name: stream.lines for name, stream in self._streams.items()}
        polls = self._poll_until(phase.end)
        while (time.monotonic() < phase.end + PATIENCE_S and
               (polls < LEAST_SAMPLES or self._too_few_lines(lines))):
            polls += self._poll_until(time.monotonic() + POLL_S)
        phase.end = time.monotonic()
        counted_again, counters_again = self._count_nvlink()
        self._record_nvlink(counters, counters_again, counted_again - counted, phase.end)
        self._phases.append(phase)
        return phase

    def _too_few_lines(self, before):
        """Whether a stream that goes on has not told of every GPU often enough since then."""
        return any(stream.ended() is None and
                   stream.lines - before[name] < LEAST_SAMPLES * len(self._smi.gpus)
                   for name, stream in self._streams.items())

    def _poll_until(self, end):
        """Records the scaler's readings each second. Returns how often."""
        polls = 0
        while time.monotonic() < end:
            polls += 1
            began = time.monotonic()
            page = self._scaler.page()
            for uuid in page.gpus():
                for row in comparison.ROWS:
                    value = page.one(row.series, gpu_uuid=uuid)
                    self._recording.add(began, uuid, row.series,
                                        None if value is None else value * row.factor)
            time.sleep(max(0, min(began + POLL_S, end) - time.monotonic()))
        return polls

    def _count_nvlink(self):
        """(when, counters): the middle of the time that nvidia-smi took to tell them."""
        began = time.monotonic()
        counters = self._smi.nvlink_counters()
        return (began + time.monotonic()) / 2, counters

    def _record_nvlink(self, before, after, seconds, when):
        """Rates of nvidia-smi's counters, which are KiB, as MiB/s."""
        for (uuid, column), count in after.items():
            earlier = before.get((uuid, column))
            if count is None or earlier is None:
                self._recording.add(when, uuid, column, None)
            elif count >= earlier:
                self._recording.add(when, uuid, column, (count - earlier) / seconds / 1024)

    # Costs.

    def _keep_costs(self, first, middle, last):
        results = self.results
        results.call_costs = costs.call_costs(first, middle, last)
        for window, before, after in (("alone", first, middle), ("loaded", middle, last)):
            results.round_seconds[window] = costs.seconds_a_round(before, after)
            results.round_quantiles[window] = costs.round_quantiles(before, after)
