"""`gencontrol data`."""

from gencontrol.cli.data.command import main as main
from gencontrol.cli.data.pairs import FLAGS as FLAGS
