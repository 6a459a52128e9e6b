# SPDX-License-Identifier: Apache-2.0
"""What the parts share: errors, verdicts, samples over time, words that tell nothing private."""

import re
import statistics
import sys
import threading

OK = "OK"
OUT = "OUT OF TOLERANCE"
FAILED = "FAILED"
NOT_COMPARED = "NOT COMPARED"
NOT_TRIED = "NOT TRIED"


class Problem(Exception):
    """Why the check cannot be made, in words for who runs it."""


def progress(text):
    """Tells the terminal what goes on; the report has the results."""
    print(f"hardware-check: {text}", file=sys.stderr, flush=True)


def short_uuid(uuid):
    """Enough to tell GPUs apart, too little to know one by: GPU-1a2b3c4d or MIG-1a2b3c4d."""
    match = re.match(r"((?:MIG-)?(?:GPU|MIG)-[0-9A-Za-z]{1,8})", uuid)
    return match[1] if match else uuid[:12]


def public_words(text):
    """The first line of what a program said, without paths and whole UUIDs."""
    line = next((one.strip() for one in text.splitlines() if one.strip()), "")
    line = re.sub(r"(?<![\w.])/[^\s:,;'\"]+", "(path)", line)
    line = re.sub(r"\b(?:GPU|MIG)-[0-9A-Za-z-]+", lambda found: short_uuid(found[0]), line)
    return line.replace("|", "/").replace("`", "'")[:200]


class Recording:
    """Samples by GPU and column, of any thread. None is a value that is said to be missing."""

    def __init__(self):
        self._lock = threading.Lock()
        self._samples = {}

    def add(self, when, uuid, column, value):
        """`when` is of time.monotonic()."""
        with self._lock:
            self._samples.setdefault((uuid, column), []).append((when, value))

    def between(self, uuid, column, begin, end):
        """The values, None among them, in the order in which they came."""
        with self._lock:
            samples = self._samples.get((uuid, column), [])
            return [value for when, value in samples if begin <= when <= end]

    def median(self, uuid, column, begin, end):
        """(samples, median); the median is None where at least half of them are missing."""
        values = self.between(uuid, column, begin, end)
        present = [value for value in values if value is not None]
        if 2 * len(present) <= len(values):
            return len(values), None
        return len(values), statistics.median(present)


class Step:
    """Something that was tried beside the comparison."""

    def __init__(self, what, verdict, found):
        self.what = what
        self.verdict = verdict
        self.found = found
