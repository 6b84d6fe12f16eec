"""Where the library's log goes when a command runs."""

import logging


def log_to_stderr() -> None:
    """Show gencontrol's own log, with times, on standard error."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("gencontrol").setLevel(logging.INFO)
