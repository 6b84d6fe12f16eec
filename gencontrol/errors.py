"""What a caller can cause. Each message says what was expected, what came, and how to mend it."""


class GencontrolError(Exception):
    """Base of all errors that gencontrol raises on purpose; the command line prints them without a traceback."""


class InputError(GencontrolError, ValueError):
    """An image, mask, region, text or number that cannot be used."""


class ConfigError(GencontrolError, ValueError):
    """A configuration with an unknown key, a wrong type or an impossible value."""


class OutputError(GencontrolError, OSError):
    """A file or folder that cannot be written: a full disk, a name that is too long, something that is there by now."""


class CheckpointError(GencontrolError, ValueError):
    """A file of weights that is broken, or is not what was asked for."""


class PairingError(GencontrolError, ValueError):
    """Components that do not fit together, such as an encoder and a host of different widths."""


class MissingDependencyError(GencontrolError, ImportError):
    """An optional package, or an external program, that this call needs."""
