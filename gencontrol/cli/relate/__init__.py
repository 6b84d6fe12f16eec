"""`gencontrol relate`."""

from gencontrol.cli.relate.command import FLAGS as FLAGS
from gencontrol.cli.relate.command import main as main
