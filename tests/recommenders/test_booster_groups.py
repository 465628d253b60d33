"""What lies between boosters that grow one tree together, when one of them is gone."""

import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from medrec.recommenders import booster_groups

SURVIVOR = """
import sys
import lightgbm
import numpy as np
from medrec.recommenders.booster_groups import LightGBMGroup, is_of_group

machines = ",".join(f"127.0.0.1:{port}" for port in sys.argv[1:])
X = np.random.default_rng(0).normal(size=(500, 5))
with LightGBMGroup.joined({"machines": machines, "port": int(sys.argv[2]), "count": 2}) as params:
    try:
        lightgbm.train({"objective": "binary", "verbosity": -1, **params}, lightgbm.Dataset(X, X[:, 0] > 0), 5)
    except lightgbm.basic.LightGBMError as error:
        print("ended:", is_of_group(error), error)
"""


def drain(connection: socket.socket) -> None:
    """Read what comes for a while, so that closing says goodbye instead of resetting."""
    connection.settimeout(3)
    try:
        while connection.recv(2**16):
            pass
    except TimeoutError:
        pass


def connect(port: int) -> socket.socket:
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            threading.Event().wait(0.1)
    raise AssertionError("the other process never listened")


def test_lightgbm_ends_where_the_other_process_hangs_up():
    """LightGBM itself reads on without end from a connection that was closed in order."""
    ports = [booster_groups._free_port() for _ in range(2)]
    words = [sys.executable, "-c", SURVIVOR, *map(str, ports)]
    survivor = subprocess.Popen(words, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    try:
        with connect(ports[1]) as first:
            first.sendall(struct.pack("i", 0))  # the first machine of the list, as LightGBM greets
            drain(first)
        out, _ = survivor.communicate(timeout=60)
    finally:
        survivor.kill()
    assert "ended: True" in out


@pytest.mark.parametrize("hangs_up", [True, False])
def test_only_what_is_hung_up_fails(monkeypatch, hangs_up):
    monkeypatch.setattr(booster_groups, "WATCH", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        here = socket.create_connection(("127.0.0.1", port))
        there, _ = server.accept()
        with here, there, booster_groups.failing_where_hung_up({port}):
            there.sendall(b"last words")
            if hangs_up:
                there.close()
            threading.Event().wait(0.3)
            assert here.recv(100) == b"last words"  # nothing is lost that had come
            threading.Event().wait(0.3)
            if hangs_up:
                with pytest.raises(OSError, match=r"non-socket|not a socket"):
                    here.recv(1)
            else:
                here.sendall(b"answer")
                assert there.recv(100) == b"answer"
