"""`gencontrol serve`."""

from gencontrol.cli.serve.command import FLAGS as FLAGS
from gencontrol.cli.serve.command import main as main
