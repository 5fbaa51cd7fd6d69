"""Chooses the loopback ports of a stack: fixed ones for `make up`, free ones for tests."""

import random
import socket

HOST = "127.0.0.1"

# Below the kernel's usual range for outgoing connections (32768 up), so that a port found free isn't taken by a client a moment later.
_FIRST, _LAST = 20_000, 32_000
_given: set[int] = set()


class NoFreePort(Exception):
    """No loopback port could be found after many tries."""


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Choose a loopback port that is free now and that this process has not given out before.

    Raises:
        NoFreePort: none of 500 tries was free.
    """
    chooser = random.SystemRandom()
    for _ in range(500):
        port = chooser.randint(_FIRST, _LAST)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise NoFreePort(f"no free port between {_FIRST} and {_LAST}")


def accepts(port: int, timeout_seconds: float = 0.5) -> bool:
    """Tell whether something accepts TCP connections on this loopback port."""
    try:
        with socket.create_connection((HOST, port), timeout=timeout_seconds):
            return True
    except OSError:
        return False
