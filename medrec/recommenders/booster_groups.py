"""How the processes of a Dask cluster grow one tree together: what XGBoost and LightGBM each need for it."""

import os
import socket
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from medrec.recommenders.booster_base import BoosterBase
from medrec.recommenders.columns import take
from medrec.recommenders.lightgbm_base import LightGBMBase
from medrec.recommenders.xgboost_base import XGBoostBase
from medrec.recommenders.xgboost_quantiles import Quantiles

ARRIVE = 20
"""Seconds within which all workers must have begun."""
WATCH = 1.0
"""Seconds between two looks at whether another worker has hung up."""
TIMEOUT = 60
"""Seconds that a worker waits for the others, and for their histograms, before it takes them for dead."""


class XGBoostGroup:
    """XGBoost's own collective, introduced by a tracker on the scheduler."""

    @staticmethod
    def pattern(bins: Any, X: Any) -> Quantiles:
        """What others must be given as ``like`` to bin as ``bins`` of ``X`` does."""
        bins._bin(None)
        return Quantiles.of(bins.data, bins.parts[0])

    @staticmethod
    def members(client: Any, addresses: Sequence[str]) -> list[dict[str, Any]]:
        """What each worker needs to know of the others."""
        known = client.run_on_scheduler(_start_tracker, len(addresses), client.scheduler.address)
        return [{**known, "dmlc_task_id": f"{at:06d}", "dmlc_timeout": TIMEOUT} for at in range(len(addresses))]

    @staticmethod
    @contextmanager
    def joined(member: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Inside it this process trains with the others; the parameters that say so."""
        from xgboost.collective import CommunicatorContext

        with CommunicatorContext(**member):
            yield {}


class LightGBMGroup:
    """LightGBM's sockets, opened once for many labels: a port that was used is not to be had again at once."""

    @staticmethod
    def pattern(bins: Any, X: Any) -> Any:
        """As ``XGBoostGroup.pattern``: the records themselves, because LightGBM does not tell its cuts."""
        return take(X, None, bins.columns)

    @staticmethod
    def members(client: Any, addresses: Sequence[str]) -> list[dict[str, Any]]:
        """As ``XGBoostGroup.members``."""
        from distributed.comm import get_address_host

        ports = client.run(_free_port, workers=list(addresses))
        machines = ",".join(f"{get_address_host(address)}:{ports[address]}" for address in addresses)
        return [{"machines": machines, "port": ports[address], "count": len(addresses)} for address in addresses]

    @staticmethod
    @contextmanager
    def joined(member: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """As ``XGBoostGroup.joined``."""
        if member["count"] == 1:
            yield {}
            return
        import lightgbm

        quiet = {"verbosity": -1}
        opener = lightgbm.Booster(quiet, lightgbm.Dataset(np.eye(2), label=np.array([0, 1]), params=quiet))
        opener.set_network(member["machines"], member["port"], TIMEOUT // 60, member["count"])
        ports = {int(machine.rpartition(":")[2]) for machine in member["machines"].split(",")}
        try:
            with failing_where_hung_up(ports):
                yield {"num_machines": member["count"], "tree_learner": "data"}
        finally:
            opener.free_network()


GROUPS: dict[type[BoosterBase], Any] = {XGBoostBase: XGBoostGroup, LightGBMBase: LightGBMGroup}


def group_of(base: Any) -> Any:
    """How a base trains with others; None where it cannot."""
    return next((group for kind, group in GROUPS.items() if isinstance(base, kind)), None)


def is_of_group(error: Exception) -> bool:
    """Whether training failed because of what is between the workers: one that was late, or a port that was taken."""
    return any(words in str(error) for words in ("/collective/", "Binding port", "Socket", "connect"))


@contextmanager
def failing_where_hung_up(ports: set[int]) -> Iterator[None]:
    """While inside, this process's connections of these ports fail as soon as their other end is gone.

    To LightGBM a read that gives no bytes is no error: it reads again without end from a worker that has died. In the
    connection's place such a read finds what is none, and training ends with an error.
    """
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(_connections(ports), over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


def _connections(ports: set[int]) -> dict[int, int]:
    """File descriptor and inode of this process's connections of which one end has one of these ports."""
    folder = next((one for one in ("/proc/self/fd", "/dev/fd") if os.path.isdir(one)), None)
    found = {}
    for at in map(int, os.listdir(folder)) if folder is not None else ():
        with suppress(OSError):  # closed since, or none that is connected
            what = os.fstat(at)
            if stat.S_ISSOCK(what.st_mode):
                with socket.socket(fileno=os.dup(at)) as one:
                    ends = (one.getsockname(), one.getpeername())
                if any(isinstance(end, tuple) and end[1] in ports for end in ends):
                    found[at] = what.st_ino
    return found


def _watch(connections: dict[int, int], over: threading.Event) -> None:
    while not over.wait(WATCH):
        for at, inode in connections.items():
            with suppress(OSError):  # closed since
                if os.fstat(at).st_ino == inode and _is_hung_up(at):
                    with open(os.devnull, "rb") as nothing:
                        os.dup2(nothing.fileno(), at)


def _is_hung_up(connection: int) -> bool:
    """Whether nothing more will come; what has come is left where it is."""
    with socket.socket(fileno=os.dup(connection)) as one:
        try:
            return not one.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False


def _start_tracker(n_workers: int, scheduler: str) -> dict[str, Any]:
    """On the scheduler: what introduces the workers to each other, and is gone when they are."""
    from distributed.comm import get_address_host
    from xgboost.core import XGBoostError
    from xgboost.tracker import RabitTracker

    tracker = RabitTracker(n_workers=n_workers, host_ip=get_address_host(scheduler), sortby="task", timeout=ARRIVE)
    tracker.start()

    def wait() -> None:
        for end in (tracker.wait_for, tracker.free):
            with suppress(XGBoostError, ValueError):  # a worker died
                end()

    threading.Thread(target=wait, daemon=True).start()
    return dict(tracker.worker_args())


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("", 0))
        return one.getsockname()[1]
