# SPDX-License-Identifier: Apache-2.0
"""THE table of what is compared with what, and how far apart the two may be."""

from hardware_check.basics import NOT_COMPARED, OK, OUT

_MIB = 1 / (1 << 20)


class Row:
    """One metric.

    `series` is its name on /metrics, `factor` makes that our unit; `columns` are nvidia-smi's, the
    first that has samples counts, each with the factor that makes it the same unit. Two medians fit
    where they differ by no more than `absolute` plus `relative` of the larger."""

    def __init__(self, metric, unit, series, factor, columns, absolute, relative, why,
                 of_instance=True, slow=False):
        self.metric = metric
        self.unit = unit
        self.series = series
        self.factor = factor
        self.columns = columns
        self.absolute = absolute
        self.relative = relative
        self.why = why
        # Whether each MIG device has its own, so that their GPU has none.
        self.of_instance = of_instance
        # Whether an old binary reads it only where somebody asks.
        self.slow = slow

    def allowed(self, ours, theirs):
        return self.absolute + self.relative * max(abs(ours), abs(theirs))

    def tolerance(self):
        """In words."""
        parts = [f"{self.absolute:g} {self.unit}"] if self.absolute else []
        parts += [f"{100 * self.relative:g} %"] if self.relative else []
        return " + ".join(parts)


# nvidia-smi's MB/s of PCIe are KB/s of the driver divided: by 1000 or 1024 matters less than the
# tolerance.
_RATE = "MiB/s"
_GPM_WHY = "Both average by GPM, over intervals that begin at different times"
_PCIE_WHY = ("By GPM as above; else nvidia-smi looks at 20 ms of each second, so that it sees part "
             "of what flows")
_NVLINK_WHY = "By GPM as above; else nvidia-smi has counters, whose rate is over the whole phase"
ROWS = [
    Row("gpu_utilization", "percent", "gpu_utilization_percent", 1, [("utilization.gpu", 1)],
        10, 0, "nvidia-smi has the driver's last period (1/6 s to 1 s), the scaler the mean of its "
        "own interval"),
    Row("memory_utilization", "percent", "gpu_memory_utilization_percent", 1,
        [("utilization.memory", 1)], 15, 0, "As above, of a load that moves memory in bursts"),
    Row("memory_used_mib", "MiB", "gpu_memory_used_bytes", _MIB, [("memory.used", 1)], 64, 0.01,
        "Drivers before 510 count reserved memory as used, and contexts come and go"),
    Row("memory_total_mib", "MiB", "gpu_memory_total_bytes", _MIB, [("memory.total", 1)], 1, 0,
        "nvidia-smi rounds to whole MiB"),
    Row("temperature", "celsius", "gpu_temperature_celsius", 1, [("temperature.gpu", 1)], 2, 0,
        "Whole degrees, of a GPU that warms up", of_instance=False),
    Row("power_draw", "watts", "gpu_power_draw_watts", 1, [("power.draw", 1)], 10, 0.1,
        "Means of a second that begin at different times; on old GPUs the moment's",
        of_instance=False),
    Row("sm_utilization", "percent", "gpu_sm_utilization_percent", 1, [("gpm.sm", 1)], 10, 0,
        _GPM_WHY),
    Row("sm_occupancy", "percent", "gpu_sm_occupancy_percent", 1, [("gpm.occupancy", 1)], 10, 0,
        _GPM_WHY),
    Row("tensor_utilization", "percent", "gpu_tensor_utilization_percent", 1, [("gpm.tensor", 1)],
        10, 0, _GPM_WHY),
    Row("dram_bandwidth_utilization", "percent", "gpu_dram_bandwidth_utilization_percent", 1,
        [("gpm.dram", 1)], 10, 0, _GPM_WHY),
    Row("pcie_tx_kbps", _RATE, "gpu_pcie_tx_bytes_per_second", _MIB,
        [("gpm.pcie_tx", 1), ("dmon.txpci", 1)], 20, 0.25, _PCIE_WHY,
        of_instance=False, slow=True),
    Row("pcie_rx_kbps", _RATE, "gpu_pcie_rx_bytes_per_second", _MIB,
        [("gpm.pcie_rx", 1), ("dmon.rxpci", 1)], 20, 0.25, _PCIE_WHY,
        of_instance=False, slow=True),
    Row("nvlink_tx_mbps", _RATE, "gpu_nvlink_tx_bytes_per_second", _MIB,
        [("gpm.nvlink_tx", 1), ("nvlink.tx", 1)], 5, 0.15, _NVLINK_WHY,
        of_instance=False),
    Row("nvlink_rx_mbps", _RATE, "gpu_nvlink_rx_bytes_per_second", _MIB,
        [("gpm.nvlink_rx", 1), ("nvlink.rx", 1)], 5, 0.15, _NVLINK_WHY,
        of_instance=False),
]


class Phase:
    """A length of time in which the load is the same. Samples count from `begin` on, which is after
    the readings have settled."""

    def __init__(self, name, begin, end):
        self.name = name
        self.begin = begin
        self.end = end


class Finding:
    """One comparison: medians, or None where there is none, and what is to be made of it."""

    def __init__(self, uuid, row, phase, ours, theirs, column, verdict, note):
        self.uuid = uuid
        self.row = row
        self.phase = phase
        self.ours = ours
        self.theirs = theirs
        self.column = column
        self.verdict = verdict
        self.note = note


def _theirs(recording, uuid, row, phase):
    """(column, samples, median) of the first column that has a number, else of the first with
    samples, else of none."""
    found = [(column, *recording.median(uuid, column, phase.begin, phase.end), factor)
             for column, factor in row.columns]
    asked = [one for one in found if one[1] > 0]
    best = next((one for one in asked if one[2] is not None), asked[0] if asked else None)
    if best is None:
        return None, 0, None
    column, samples, value, factor = best
    return column, samples, None if value is None else value * factor


def judge(recording, uuid, row, phase, mig_enabled, always_reads, why_not=""):
    """Compares the two recordings of one metric of one GPU in one phase. `why_not` is why there is
    no such column of nvidia-smi, if that is known."""
    samples, ours = recording.median(uuid, row.series, phase.begin, phase.end)
    column, their_samples, theirs = _theirs(recording, uuid, row, phase)
    if samples == 0:
        verdict, note = NOT_COMPARED, "no answer of the scaler in this phase"
    elif their_samples == 0 and ours is None and "not support" in why_not.lower():
        verdict, note = OK, f"missing on both sides; {why_not}"
    elif their_samples == 0:
        verdict, note = NOT_COMPARED, why_not or "no answer of nvidia-smi in this phase"
    elif ours is None and theirs is None:
        verdict, note = OK, "missing on both sides"
    elif theirs is None:
        verdict, note = NOT_COMPARED, "nvidia-smi says that it has none"
    elif ours is None and row.of_instance and mig_enabled:
        verdict, note = NOT_COMPARED, "MIG is enabled: the scaler has it of each MIG device"
    elif ours is None and row.slow and not always_reads:
        verdict, note = NOT_COMPARED, "not offered by this binary: it reads it only for a trigger"
    elif ours is None:
        verdict, note = OUT, "the scaler has none, nvidia-smi has"
    elif abs(ours - theirs) <= row.allowed(ours, theirs):
        verdict, note = OK, ""
    else:
        verdict, note = OUT, ""
    return Finding(uuid, row, phase, ours, theirs, column, verdict, note)
