"""`gencontrol calibrate`."""

from gencontrol.cli.calibrate.command import FLAGS as FLAGS
from gencontrol.cli.calibrate.command import main as main
