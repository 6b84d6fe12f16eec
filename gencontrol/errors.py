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


def reason_of(error: BaseException) -> str:
    """Why something failed, in words for a message: of the system's errors without their number and path.

    numpy's refusal of a file that is none of its own speaks of loading it unsafely, which is no way out; and diffusers
    says that weights cannot be loaded, while what it came from says why. A key by itself says nothing.
    """
    if isinstance(error, OSError) and str(error).startswith("Unable to load weights"):
        error = _first(error)
    if isinstance(error, KeyError) and error.args:
        return f"it has no {error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = str(error)
    return "it holds no plain arrays" if "pickle" in text else text


def _first(error: BaseException) -> BaseException:
    """What an error came from."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return error
