# SPDX-License-Identifier: Apache-2.0
"""The parts of scripts/hardware-check. Standard library only: a machine with GPUs has no more."""
