# SPDX-License-Identifier: Apache-2.0
"""The command line."""

import argparse
import pathlib
import signal
import subprocess
import sys

from hardware_check import bundle, check, report
from hardware_check.basics import OK, Problem, progress
from hardware_check.nvidia_smi import NvidiaSmi
from hardware_check.scaler import Scaler

_HERE = pathlib.Path(__file__).resolve().parent.parent
_DESCRIPTION = """Compares what the scaler reads of this machine's NVIDIA GPUs with what nvidia-smi
says at the same time, measures what the driver's calls cost, and writes one report. With `bundle
DIR` it makes a folder that runs on a machine with nothing but a driver and Python. See
docs/hardware/README.md."""
_EXIT = "Status: 0 all is well; 1 out of tolerance, failed or nothing compared; 2 could not be run."


def _seconds(text):
    seconds = float(text)
    if not 3 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("from 3 to 3600")
    return seconds


def _parser():
    parser = argparse.ArgumentParser(prog="hardware-check", description=_DESCRIPTION, epilog=_EXIT)
    parser.add_argument("command", nargs="?", choices=["run", "bundle"], default="run")
    parser.add_argument("folder", nargs="?", metavar="DIR", help="where `bundle` puts everything")
    parser.add_argument("--binary", metavar="FILE", help="the scaler; default: the one beside this "
                        "script, else `scripts/build release`")
    parser.add_argument("--seconds", type=_seconds, default=60,
                        help="length of the comparison, from 3 to 3600 (60)")
    parser.add_argument("--output", metavar="FILE", default="hardware-check.md",
                        help="the report (hardware-check.md)")
    parser.add_argument("--nvidia-smi", metavar="CMD", default="nvidia-smi",
                        help="how nvidia-smi is called (nvidia-smi)")
    parser.add_argument("--nvml-library", metavar="FILE", help="the scaler's flag of that name")
    parser.add_argument("--cuda-library", metavar="FILE", default="libcuda.so.1",
                        help="for the load (libcuda.so.1)")
    load = parser.add_mutually_exclusive_group()
    load.add_argument("--load", metavar="CMD", help="a shell command in place of the load that is "
                      "built in; it is killed when its phase is over")
    load.add_argument("--no-load", action="store_true", help="compare what is there")
    return parser


def _binary(given):
    """The file that was given, is beside the script, or is built."""
    if given:
        if not pathlib.Path(given).is_file():
            raise Problem(f"--binary {given}: there is no such file")
        return pathlib.Path(given).resolve()
    beside = _HERE / "keda-gpu-scaler"
    if beside.is_file():
        return beside
    build = _HERE / "build"
    if not build.is_file():
        raise Problem("there is no binary beside this script and nothing to build one with; "
                      "give --binary FILE")
    progress("builds the scaler")
    if subprocess.run([str(build), "release"], stdout=sys.stderr, check=False).returncode != 0:
        raise Problem("scripts/build release failed; give --binary FILE")
    return _HERE.parent / "build" / "release" / "keda-gpu-scaler"


def _run(options):
    # Before anything is built.
    smi = NvidiaSmi(options.nvidia_smi)
    with Scaler(_binary(options.binary), options.nvml_library) as scaler:
        results = check.Check(options, smi, scaler).run()
    pathlib.Path(options.output).write_text(report.render(results, options), encoding="utf-8")
    verdict = report.verdict(results)
    print(f"{verdict}: see {options.output}")
    return 0 if verdict == OK else 1


def _bundle(options):
    size = bundle.make(options.folder, _binary(options.binary))
    print(f"{options.folder}: {size / (1 << 20):.1f} MiB; run hardware-check in it")
    return 0


def main():
    parser = _parser()
    options = parser.parse_args()
    if (options.command == "bundle") != (options.folder is not None):
        parser.error("bundle DIR makes a bundle; without either the check is run")
    # Ends what was started, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _bundle(options) if options.command == "bundle" else _run(options)
    except Problem as problem:
        print(f"hardware-check: {problem}", file=sys.stderr)
    except OSError as error:
        print(f"hardware-check: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("hardware-check: interrupted, no report written", file=sys.stderr)
    return 2
