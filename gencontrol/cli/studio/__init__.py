"""`gencontrol studio`."""

from gencontrol.cli.studio.command import FLAGS as FLAGS
from gencontrol.cli.studio.command import main as main
