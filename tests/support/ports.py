# SPDX-License-Identifier: Apache-2.0
"""Ports that a test gives to several servers, or to one that is restarted."""

import contextlib
import random
import socket

_FIRST, _END = 10000, 1 << 16


def free_port(addresses=("127.0.0.1",)):
    """One that nobody listens on at the moment, on any of the addresses. Nor does the system give
    it to who takes any port, as tests that run beside this one do all the while: so it is still
    free when it is used, and when the process that uses it comes back."""
    while True:
        port = random.choice(_unasked())
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for address in addresses:
                stack.enter_context(socket.create_server((address, port)))
            return port


def free_ports(count):
    """Different ones of loopback."""
    ports = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)


def _unasked():
    """The ports that only who asks for them by number gets."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first, last = map(int, file.read().split())
    return [*range(_FIRST, first), *range(last + 1, _END)] or range(_FIRST, _END)
