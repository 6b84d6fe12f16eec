"""The settings of a server, and what bounds it."""

from dataclasses import dataclass

from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number

LARGEST_UPLOAD = 64 * 2**20
"""Bytes of one file, above every photograph's."""
HIGHEST_PORT = 65535
MOST_WORKERS = 16
"""Each holds a model of its own."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts that only this machine reaches."""


@dataclass(frozen=True, kw_only=True)
class ServingSettings:
    """A server that keeps a model open."""

    model: str = "tiny"
    """What is opened at the start: `tiny`, another preset (`gencontrol models`), a hub id, or a folder."""
    port: int = 7860
    """Of the address; 0 takes a free one."""
    concurrency: int = 1
    """Runs at one time. Each has a process, and so a model in memory, of its own."""
    offline: bool = False
    """Use only what is on this machine."""


@dataclass(frozen=True, kw_only=True)
class StudioSettings(ServingSettings):
    """The web page."""

    picture: str | None = None
    """A picture to begin with."""
    browser: bool = True
    """Open the page in the browser."""
    host: str = "127.0.0.1"
    """Address to listen on; any but this machine's own needs `auth`."""
    auth: str | None = None
    """A file with USER:PASSWORD lines, that only its owner can read: whoever visits has to be one of them."""
    output: str | None = None
    """A folder that keeps what is made; unless given, it goes when the page is closed."""


def check_serving(settings: ServingSettings) -> None:
    """Refuse numbers that cannot be, and an address for everybody.

    Raises:
        ConfigError: Says which.
    """
    check_number(settings.port, name="`port`", at_least=0, at_most=HIGHEST_PORT)
    check_number(settings.concurrency, name="`concurrency`", at_least=1, at_most=MOST_WORKERS)
    if not settings.model.strip():
        raise ConfigError("`model` is empty: leave it out, or say what it is to be.")
    if isinstance(settings, StudioSettings) and settings.host not in LOOPBACK and settings.auth is None:
        raise ConfigError(
            f"`host` {settings.host}: other machines could reach the page, and everybody on them would be let in; give "
            "a file of USER:PASSWORD lines as `auth`."
        )
