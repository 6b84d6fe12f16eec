"""`gencontrol classify`."""

from gencontrol.cli.classify.command import FLAGS as FLAGS
from gencontrol.cli.classify.command import main as main
