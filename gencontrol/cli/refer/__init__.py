"""`gencontrol refer`."""

from gencontrol.cli.refer.command import FLAGS as FLAGS
from gencontrol.cli.refer.command import main as main
