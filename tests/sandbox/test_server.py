from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
from pathlib import Path

import httpx
import pytest
from sandbox_client import free_pair, serve_in_child

from airdate.errors import NeedsPerson
from airdate.sandbox.running import RunningSandbox
from airdate.sandbox.seed import DEMO, PUBLIC, is_sandbox_key
from airdate.sandbox.server import SandboxAddresses, serve

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(tmp_path: Path, number: int) -> None:
    port = free_pair()
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=serve_in_child, args=(port, tmp_path, there))
    process.start()
    try:
        assert here.poll(20)
        addresses = json.loads(here.recv())
        assert addresses == SandboxAddresses.at("127.0.0.1", port, port + 1).as_dict()
        assert addresses["upload"] == f"http://127.0.0.1:{port + 1}"
        with httpx.Client(trust_env=False, verify=False) as http:
            assert http.post(f"{addresses['control']}/grant", json={"creator": "demo"}).json()["scope"]
            os.kill(process.pid or 0, number)
            process.join(10)
    finally:
        process.kill()
    assert process.exitcode == 0


def test_a_taken_port_is_told_plainly(tmp_path: Path) -> None:
    port = free_pair()
    with socket.create_server(("127.0.0.1", port + 1)), pytest.raises(NeedsPerson) as failed:
        serve("127.0.0.1", port, folder=tmp_path, ready=lambda _: None)
    assert failed.value.code == "port_taken"
    assert str(port + 1) in str(failed.value)


def test_two_run_beside_each_other(tmp_path: Path) -> None:
    with RunningSandbox() as first, RunningSandbox(tmp_path) as second:
        assert first.addresses.api != second.addresses.api
        assert first.control.posts() == second.control.posts() == []
        assert (tmp_path / "films").is_dir()


def test_its_time_can_be_another() -> None:
    with RunningSandbox(time=lambda: 1_000_000.0) as sandbox:
        httpx.get(f"{sandbox.addresses.api}/nothing", trust_env=False, verify=False)
        assert [call["at"] for call in sandbox.control.calls()] == [1_000_000.0]


def test_its_keys_are_known() -> None:
    assert is_sandbox_key(DEMO.client_key)
    assert is_sandbox_key(PUBLIC.client_key)
    assert not is_sandbox_key("aw1234567890")
    assert DEMO.client_secret not in repr(DEMO)


def test_an_address_may_have_colons() -> None:
    assert SandboxAddresses.at("::1", 1, 2).upload == "http://[::1]:2"
    assert SandboxAddresses.at("0.0.0.0", 1, 2).api == "http://127.0.0.1:1"
