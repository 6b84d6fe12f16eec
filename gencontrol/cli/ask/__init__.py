"""`gencontrol ask`."""

from gencontrol.cli.ask.command import FLAGS as FLAGS
from gencontrol.cli.ask.command import main as main
