# SPDX-License-Identifier: Apache-2.0
"""What is tried beside the comparison: that a load shows, that devices are the same, letting go."""

import signal

from hardware_check.basics import FAILED, NOT_TRIED, OK, Step, short_uuid

BUSY_PERCENT = 80
CALM_PERCENT = 10
COPY_MIB_PER_SECOND = 100
CALM_MIB = 64
RELEASE_S = 15
BACK_S = 60


def _step(what, fits, found):
    return Step(what, OK if fits else FAILED, found)


def same_devices(smi, page):
    """Whether the scaler and nvidia-smi list the same GPUs and MIG devices."""
    ours, mig = page.gpus(), smi.mig_uuids()
    result = []
    for what, listed, seen in (
            ("GPUs are those of nvidia-smi", set(smi.gpus),
             {uuid for uuid in ours if not uuid.startswith("MIG-")}),
            ("MIG devices are those of nvidia-smi", mig,
             {uuid for uuid in ours if uuid.startswith("MIG-")})):
        if not listed and not seen:
            result.append(Step(what, NOT_TRIED, "there are none"))
            continue
        differing = ", ".join(sorted(map(short_uuid, listed ^ seen)))
        result.append(_step(what, listed == seen, f"{len(seen)} of {len(listed)}" +
                            (f"; not on both sides: {differing}" if differing else "")))
    return result


class _Seen:
    """Medians of the scaler by GPU, metric and phase."""

    def __init__(self, recording):
        self._recording = recording

    def __call__(self, uuid, series, phase):
        return self._recording.median(uuid, series, phase.begin, phase.end)[1]


def load_shows(recording, load, idle, busy, copying, after):
    """Whether what our load does is what the scaler shows, on that GPU, and only while it runs."""
    seen = _Seen(recording)
    return [_busy(seen, load, busy), _memory(seen, load, idle, busy),
            _copies(seen, load, copying), _calm_again(seen, load, idle, after)]


_UTILIZATION = ("gpu_utilization_percent", "gpu_sm_utilization_percent")


def _busy(seen, load, phase):
    what = f"The load shows as busy ({BUSY_PERCENT} percent or more)"
    for series in _UTILIZATION:
        value = seen(load.uuid, series, phase)
        if value is not None:
            return _step(what, value >= BUSY_PERCENT, f"{value:.1f} percent")
    return Step(what, NOT_TRIED, f"{short_uuid(load.uuid)} has no utilization")


def _memory(seen, load, before, during):
    what = "The memory of the load shows (nine tenths or more)"
    used = [seen(load.uuid, "gpu_memory_used_bytes", phase) for phase in (before, during)]
    if None in used:
        return Step(what, NOT_TRIED, f"{short_uuid(load.uuid)} has no memory reading")
    grown = used[1] - used[0]
    return _step(what, grown >= 0.9 * load.allocated_mib,
                 f"{grown:.0f} MiB more, {load.allocated_mib:.0f} MiB taken")


def _copies(seen, load, phase):
    what = f"Copies show on PCIe, both ways ({COPY_MIB_PER_SECOND} MiB/s or more)"
    if phase is None:
        return Step(what, NOT_TRIED, "there was no load of copies")
    rates = [seen(load.uuid, f"gpu_pcie_{way}_bytes_per_second", phase) for way in ("tx", "rx")]
    if None in rates:
        return Step(what, NOT_TRIED, f"{short_uuid(load.uuid)} has no PCIe rates")
    return _step(what, min(rates) >= COPY_MIB_PER_SECOND,
                 f"{rates[0]:.0f} MiB/s sent, {rates[1]:.0f} MiB/s received")


def _calm_again(seen, load, before, after):
    what = "After SIGKILL of the load the GPU is as before it"
    found, fits = [], True
    for series, unit, most in ((_UTILIZATION[0], "percent", CALM_PERCENT),
                               (_UTILIZATION[1], "percent", CALM_PERCENT),
                               ("gpu_memory_used_bytes", "MiB", CALM_MIB)):
        values = [seen(load.uuid, series, phase) for phase in (before, after)]
        if None not in values:
            found.append(f"{values[0]:.0f} and then {values[1]:.0f} {unit}")
            fits = fits and values[1] - values[0] <= most
    return _step(what, fits, ", ".join(found)) if found else Step(what, NOT_TRIED, "no readings")


# Letting go of the driver.

_READ = "gpu_memory_total_bytes"


def release(scaler):
    """SIGUSR1 and SIGUSR2. A binary that does not know them would be ended by them."""
    what = "SIGUSR1: lets go of the driver"
    if not scaler.offers("--driver-release-time"):
        return [Step(what, NOT_TRIED, "not offered by this binary")]
    before, devices = len(scaler.page().all(_READ)), scaler.open_devices()
    scaler.process.send_signal(signal.SIGUSR1)
    gone = scaler.wait_page(lambda page: page.one("driver_released") == 1 and not page.all(_READ),
                            RELEASE_S)
    still_open = scaler.open_devices()
    result = [
        _step(what, gone is not None, "readings are gone" if gone else
              f"readings after {RELEASE_S} s"),
        _step("Meanwhile no device file is open", still_open == 0,
              f"{devices} of /dev/nvidia* before, {still_open} then")
        if devices else Step("Meanwhile no device file is open", NOT_TRIED,
                             "none of /dev/nvidia* was open before either")]
    scaler.process.send_signal(signal.SIGUSR2)
    back = scaler.wait_page(lambda page: len(page.all(_READ)) == before, BACK_S)
    result.append(_step("SIGUSR2: takes the driver again", back is not None,
                        f"{before} GPUs have readings" if back else
                        f"not all of {before} GPUs after {BACK_S} s"))
    return result
