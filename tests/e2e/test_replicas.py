# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' own ReplicaCalculator agrees with our model of it, and our answers with its rules."""

import os
import subprocess

from real_kube_api import program

CASES = 10000


def test_replica_calculator(record_lines):
    cases = subprocess.run([os.environ["KGS_TEST_REPLICA_CASES"], str(CASES)], check=True,
                           stdout=subprocess.PIPE).stdout
    assert cases.count(b"\n") == CASES
    checked = subprocess.run([program("replicacheck")], input=cases, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, check=False)
    record_lines(checked.stdout.decode())
    assert checked.returncode == 0, checked.stderr.decode()[-3000:]
    assert f" {CASES}  cases" in checked.stdout.decode()
