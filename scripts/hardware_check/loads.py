# SPDX-License-Identifier: Apache-2.0
"""Loads as processes: ours (load.py), or a command. Both are killed in the end, by SIGKILL."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

from hardware_check.basics import public_words

# For a driver that compiles the kernel on a slow machine.
START_S = 120


class Load:
    """A process group under load."""

    def __init__(self, command, shell=False, stdout=subprocess.DEVNULL):
        self._process = subprocess.Popen(command, shell=shell, stdin=subprocess.DEVNULL,
                                         stdout=stdout, stderr=subprocess.DEVNULL,
                                         universal_newlines=True, start_new_session=True)

    def running(self):
        return self._process.poll() is None

    def kill(self):
        """By SIGKILL, all of it, as when a node kills a container."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()


class CommandLoad(Load):
    """What --load names, from its start on. Nothing is known of what it does."""

    def __init__(self, command):
        super().__init__(command, shell=True)


class CudaLoad(Load):
    """load.py. After wait() `error` says why it does not run; else `uuid`, `allocated_mib` tell
    what it does."""

    def __init__(self, kind, seconds, library):
        program = pathlib.Path(__file__).with_name("load.py")
        super().__init__([sys.executable, str(program), kind, str(seconds), library],
                         stdout=subprocess.PIPE)
        self.error = self.uuid = self.name = None
        self.allocated_mib = 0

    def wait(self):
        """Until it runs, or says why not. Returns this."""
        watchdog = threading.Timer(START_S, self.kill)
        watchdog.start()
        try:
            told = json.loads(self._process.stdout.readline() or "{}")
        except ValueError:
            told = {}
        watchdog.cancel()
        if "uuid" in told:
            self.uuid, self.name = told["uuid"], told["name"]
            self.allocated_mib = told["allocated_mib"]
        else:
            self.error = public_words(told.get("error", "it ended without a word"))
            self.kill()
        return self
