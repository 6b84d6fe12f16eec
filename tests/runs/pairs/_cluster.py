"""Pairs made by two processes of a cluster that are killed in the middle, for `test_spreading`.

Both processes are killed; of a cluster that is there already, and has two nodes, a node is lost with its own.
"""

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
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


def lose_a_node(nodes: Any) -> None:
    """End a node, as a machine ends: with its process, which would go on for a while with what it is given.

    And the process of the other node, since that of the lost one may have had nothing to do just then.
    """
    before = workers()
    nodes.remove_node(nodes.worker_nodes.copy().pop(), False)
    for one in before:
        with suppress(psutil.NoSuchProcess):
            one.kill()


def killing(kill: Callable[[], object]) -> list[int]:
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
    with ExitStack() as stack, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if kind == "local":
            # Both: of one alone the other may do all the work before anybody asks for it again.
            address, seen = kind, killing(lambda: [one.kill() for one in workers()])
        else:
            nodes = two_nodes()
            stack.callback(nodes.shutdown)
            address, seen = nodes.address, killing(lambda: lose_a_node(nodes))
        settings = PairsSettings(
            pictures=pictures, captions=captions, output=output, grounder="given", model=model, agreement=-1.0, shard=1
        )
        # Beginning nodes is ours here, and changes both.
        before, usual = dict(os.environ), signal.getsignal(signal.SIGTERM)
        made = make_pairs(PairsSettings(**{**vars(settings), "device": "cpu", "cluster": address, "workers": 2}))
    assert made is not None and seen == [2], (made, seen)
    said = [str(one.message) for one in caught if issubclass(one.category, RunWarning)]
    # A machine at work may be silent for a minute, of which it is told too.
    told = [text for text in said if "has said nothing" not in text]
    assert told and all("ended over shard" in text for text in told), said
    changed = {name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name)}
    # What Ray sets is as it was, but for what its import itself does.
    assert not {name for name in changed if name.startswith(("RAY_", "PYTHON"))} - {"RAY_CLIENT_MODE"}, changed
    assert signal.getsignal(signal.SIGTERM) == usual
    assert kind != "local" or not workers()
