"""`gencontrol evaluate`."""

from gencontrol.cli.evaluate.command import FLAGS as FLAGS
from gencontrol.cli.evaluate.command import main as main
