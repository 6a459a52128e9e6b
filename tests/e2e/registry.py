# SPDX-License-Identifier: Apache-2.0
"""The list of scenarios, and the run of them side by side."""

import concurrent.futures
import threading

from scenario import Scenario

# By name: (function, keywords of Scenario).
SCENARIOS = {}
# So many run at a time: each is a dozen processes and threads that mostly wait.
_AT_A_TIME = 8


def scenario(**options):
    """Makes a function of a running Scenario one of the list."""
    def add(function):
        SCENARIOS[function.__name__] = (function, options)
        return function
    return add


class Runs:
    """Runs the scenarios of these names over one stack, the first first. Use as a context manager;
    `result` waits for one."""

    def __init__(self, stack, folder, names):
        self._stack, self._folder = stack, folder
        self.reports = {}
        self._over = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(_AT_A_TIME)
        self._results = {name: self._pool.submit(self._run, name, number)
                         for number, name in enumerate(names)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Those that nobody waits for any more.
        self._over.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def result(self, name):
        """Returns when the scenario has passed; raises what it failed with."""
        return self._results[name].result()

    def _run(self, name, number):
        function, options = SCENARIOS[name]
        folder = self._folder / name
        with Scenario(self._stack, name, number, folder, self._over, **options) as running:
            try:
                function(running)
            except BaseException:
                self.reports[name] = running.report()
                raise
