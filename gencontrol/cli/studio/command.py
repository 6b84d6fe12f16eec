"""`gencontrol studio`: a page on which to point with a brush, and to see at once what comes of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tyro.conf import Positional, arg

from gencontrol.cli.flags import called, unset
from gencontrol.cli.parse import parse
from gencontrol.runs.machine.offline import offline
from gencontrol.studio.settings import StudioSettings


@dataclass(frozen=True, kw_only=True)
@called(
    picture=(Positional, arg(metavar="PICTURE", help_behavior_hint="")),
    model=arg(metavar="NAME"),
    port=arg(metavar="N"),
    concurrency=arg(metavar="N"),
    host=arg(metavar="ADDRESS"),
    auth=unset("FILE"),
    output=unset("FOLDER", aliases=("-o",)),
)
class StudioFlags(StudioSettings):
    """Flags of `gencontrol studio`."""


FLAGS = StudioFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        StudioFlags,
        arguments,
        command="studio",
        description="Open a page on which to point at parts of pictures with a brush, and to vary them.",
    )
    with offline(flags.offline):
        from gencontrol.studio.serving import check_extra, check_serving

        check_serving(flags)
        check_extra()
        from gencontrol.studio.page.build import studio_serving

        with studio_serving(flags) as ready:
            print(f"gencontrol studio: {ready.address}", flush=True)
            print("Ctrl-C ends it.", flush=True)
            if flags.browser:
                import webbrowser

                webbrowser.open(ready.address)
            ready.run()
