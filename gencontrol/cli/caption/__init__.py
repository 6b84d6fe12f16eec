"""`gencontrol caption`."""

from gencontrol.cli.caption.command import FLAGS as FLAGS
from gencontrol.cli.caption.command import main as main
