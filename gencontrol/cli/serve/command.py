"""`gencontrol serve`: a server that keeps a model open, for `gencontrol vary --server auto` and for programs."""

from collections.abc import Sequence
from dataclasses import dataclass

from tyro.conf import arg

from gencontrol.cli.flags import called
from gencontrol.cli.parse import parse
from gencontrol.runs.machine.offline import offline
from gencontrol.studio.settings import ServingSettings


@dataclass(frozen=True, kw_only=True)
@called(model=arg(metavar="NAME"), port=arg(metavar="N"), concurrency=arg(metavar="N"))
class ServeFlags(ServingSettings):
    """Flags of `gencontrol serve`."""


FLAGS = ServeFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        ServeFlags,
        arguments,
        command="serve",
        description="Keep a model open, for `gencontrol vary --server auto` and for programs of this user: JSON over "
        "HTTP, on this machine alone. The module gencontrol.studio.warm.api says how.",
    )
    with offline(flags.offline):
        from gencontrol.studio.serving import check_extra, check_serving

        check_serving(flags)
        check_extra()
        from gencontrol.studio.page.calls import calls_serving

        with calls_serving(flags) as ready:
            print(f"gencontrol serve: on port {ready.warm.port}; Ctrl-C ends it.", flush=True)
            ready.run()
