"""A chosen port can be listened on, and is chosen once."""

import socket

import pytest

from cds_local import ports


def test_free_ports_differ_and_can_be_bound() -> None:
    chosen = [ports.free_port() for _ in range(20)]
    assert len(set(chosen)) == 20
    with socket.create_server(("127.0.0.1", chosen[0])):
        assert not ports.is_free(chosen[0])
        assert ports.accepts(chosen[0])
    assert not ports.accepts(chosen[0])


def test_a_machine_without_free_ports_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _port: False)
    with pytest.raises(ports.NoFreePort):
        ports.free_port()
