"""Pairs made by two processes of a cluster, one of which is killed in the middle, for `test_spreading`.

Of a local cluster the process itself is killed; of one that is there already, and has two nodes, the node with it.
"""

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psutil

from gencontrol.engine import cluster
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.pairs.carrying_out import make_pairs
from gencontrol.runs.pairs.settings import PairsSettings


def workers() -> list[psutil.Process]:
    """What makes shards, among the processes that this one began."""
    return [one for one in psutil.Process().children(recursive=True) if one.name().startswith("ray::Worker")]


def two_nodes() -> Any:
    """A cluster of two nodes on this machine, a core each."""
    from ray.cluster_utils import Cluster

    about = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=about)
    made.add_node(**about)
    return made


def killing(kill: Callable[[], None]) -> list[int]:
    """Kill once the first shard is there; what is returned says how many processes there were."""
    seen: list[int] = []
    deal = cluster.dealt

    def dealt(*given: Any, **more: Any) -> Iterator[Any]:
        for done in deal(*given, **more):
            if not seen:
                seen.append(len(workers()))
                kill()
            yield done

    cluster.dealt = dealt
    return seen


if __name__ == "__main__":
    kind, pictures, captions, output, model = sys.argv[1:]
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    usual = signal.getsignal(signal.SIGTERM)
    with ExitStack() as stack, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if kind == "local":
            address, seen = kind, killing(lambda: os.kill(workers()[0].pid, signal.SIGKILL))
        else:
            nodes = two_nodes()
            stack.callback(nodes.shutdown)
            address, seen = nodes.address, killing(lambda: nodes.remove_node(nodes.worker_nodes.copy().pop(), False))
        settings = PairsSettings(
            pictures=pictures, captions=captions, output=output, grounder="given", model=model, agreement=-1.0, shard=1
        )
        before = dict(os.environ)
        made = make_pairs(PairsSettings(**{**vars(settings), "device": "cpu", "cluster": address, "workers": 2}))
    assert made is not None and seen == [2], (made, seen)
    said = [str(one.message) for one in caught if issubclass(one.category, RunWarning)]
    # A machine at work may be silent for a minute, of which it is told too.
    (text,) = [text for text in said if "has said nothing" not in text]
    assert "ended over shard" in text, said
    changed = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
    # What Ray sets is as it was, but for what its import itself does.
    assert not {name for name in changed if name.startswith(("RAY_", "PYTHON"))} - {"RAY_CLIENT_MODE"}, changed
    assert signal.getsignal(signal.SIGTERM) == usual
    assert kind != "local" or not workers()
