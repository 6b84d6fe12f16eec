"""The `gencontrol` command: a table of subcommands, each in its own module, which is imported once it is chosen.

A subcommand's module has `main(arguments) -> int | None`: it parses its own arguments (tyro), does its work, and
returns an exit code (None is 0). What it raises is turned into one line and an exit code here; the library's messages
name settings, and show flags if the module has its dataclass of flags as `FLAGS`. An entry whose module is not there is
not listed.
"""

import importlib
import importlib.util
import itertools
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from gencontrol import __version__
from gencontrol.cli.terminal import any_text, one_line

COMMANDS: dict[str, str] = {
    "vary": "variations of the part of a picture that a mask, box or point shows",
    "edit": "one part of a photograph painted anew, or removed",
    "studio": "a page to point at parts of pictures with a brush, and to vary them",
    "serve": "a server that keeps a model open, for vary --server auto and for programs",
    "score": "how well texts describe the regions of a picture",
    "classify": "which of many labels the regions of a picture have",
    "relate": "how the regions of a picture stand to each other",
    "refer": "which part of a picture a phrase means, and its mask",
    "caption": "a part of a picture in a sentence, by tiny or LLaVA-1.5",
    "ask": "questions about a part of a picture, to tiny or LLaVA-1.5",
    "evaluate": "an encoder measured on ImageNet-S, RefCOCO, region captions and whole pictures, as published",
    "ground": "where the things that a text names are in a picture",
    "embed": "embeddings of regions, to a safetensors file",
    "calibrate": "what makes levels mean shares of attention, fitted on pictures and masks",
    "convert": "a checkpoint into a folder that gencontrol and transformers open",
    "models": "the presets: encoder, licence, size, what is there",
    "doctor": "versions, devices, what is missing and how to get it",
    "data": "region-text pairs of plain pictures; the sprite world's drawings and scenes",
    "train": "train CLIP, Alpha-CLIP, the autoencoder or the denoiser",
    "assemble": "trained stages into one model folder",
    "nerf": "steer a radiance field, or one part of it, with text",
}
"""Subcommand -> one line for `gencontrol --help`; the module is `gencontrol.cli.NAME`."""

DEBUG = "GENCONTROL_DEBUG"
"""Environment variable: if it is set, where an error was raised is shown before the line that tells it."""
_NO_DOCSTRINGS = "PYTHONOPTIMIZE=2 takes out docstrings, which transformers reads: set it to 1, or not."
DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code: 0, 1 for a failure, 2 for wrong use, 130 when interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    with any_text(sys.stdout, sys.stderr):
        try:
            code = _dispatch(arguments)
            if sys.stdout is not None:
                # What is left in the buffer would fail at exit, where nobody is told of it.
                sys.stdout.flush()
        except BrokenPipeError:
            # The reader (`| head`) has what it wanted.
            _let_go_of_output()
            return FAILED
        except OSError as error:
            # What has no name is what is printed.
            words = f"standard output: {error.strerror}." if error.strerror else str(error)
            _let_go_of_output()
            return _fail(error, words, FAILED, ())
        return code


def _let_go_of_output() -> None:
    """Have what is left in the buffer go nowhere, so that it does not fail again at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(arguments: list[str]) -> int:
    if len(arguments) > 1 and arguments[0] == "help":
        arguments = [*arguments[1:], "--help"]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(help_text())
        return DONE if arguments else WRONG_USE
    if arguments[0] == "--version":
        print(f"gencontrol {__version__}")
        return DONE
    if arguments[0] not in available():
        return _complain(f"no command {arguments[0]!r}{_hint(arguments[0])}", WRONG_USE)
    if sys.flags.optimize > 1 and "--help" not in arguments:
        return _complain(_NO_DOCSTRINGS, FAILED)
    from gencontrol.runs.notices import quiet_loggers

    quiet_loggers()
    return _run(arguments[0], arguments[1:])


def available() -> dict[str, str]:
    """The subcommands whose module is there."""
    return {name: line for name, line in COMMANDS.items() if importlib.util.find_spec(f"gencontrol.cli.{name}")}


def help_text() -> str:
    """What `gencontrol --help` prints."""
    rows = [f"  {name:10}{line}" for name, line in available().items()]
    return "\n".join(
        [
            "usage: gencontrol COMMAND [options]",
            "",
            "Generate from this part: point at a part of a picture and work from that part.",
            "",
            *rows,
            "",
            "`gencontrol COMMAND --help` lists the options; `gencontrol --version` the version.",
            f"{DEBUG}=1 shows where an error was raised.",
        ]
    )


def _run(name: str, arguments: list[str]) -> int:
    from gencontrol.errors import ConfigError, GencontrolError
    from gencontrol.runs.machine.interrupts import interruptible

    try:
        with interruptible(), _quiet():
            return importlib.import_module(f"gencontrol.cli.{name}").main(arguments) or DONE
    except GencontrolError as error:
        code = WRONG_USE if isinstance(error, ConfigError) else FAILED
        return _fail(error, _in_flags(name, str(error)), code, arguments)
    except ValueError:
        if sys.flags.optimize < 2:
            raise
        # Also where help is asked of a command that has to load it for that.
        return _complain(_NO_DOCSTRINGS, FAILED)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)
    except OSError as error:
        if error.filename is None:
            raise
        # A full disk, a folder that may not be written: the machine's state, not a fault of ours.
        return _fail(error, f"{error.filename}: {error.strerror}.", FAILED, arguments)
    except MemoryError as error:
        text = f"{name} ran out of memory: try fewer or smaller pictures. {error}"
        return _fail(error, text.rstrip(), FAILED, arguments)
    except RecursionError as error:
        return _fail(error, f"{name} was given something that is nested too deeply to be read.", FAILED, arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else (FAILED if end.code else DONE)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what libraries warn their developers of, which would stand before our own line; `-W` asks for it."""
    with warnings.catch_warnings():
        if not sys.warnoptions:
            for category in (FutureWarning, DeprecationWarning):
                warnings.simplefilter("ignore", category)
        yield


def _in_flags(name: str, message: str) -> str:
    from gencontrol.cli.flags import in_flags

    return in_flags(message, getattr(importlib.import_module(f"gencontrol.cli.{name}"), "FLAGS", None))


def _fail(error: Exception, message: str, code: int, arguments: Sequence[str]) -> int:
    from gencontrol.runs.machine.processes import is_first_process

    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    if _wants_json(arguments) and is_first_process():
        import json

        print(json.dumps({"error": {"type": type(error).__name__, "message": message}}))
    return _complain(message, code)


def _wants_json(arguments: Sequence[str]) -> bool:
    pairs = itertools.pairwise(arguments)
    return "--format=json" in arguments or ("--format", "json") in pairs


def _complain(message: str, code: int) -> int:
    print(f"gencontrol: {one_line(message)}", file=sys.stderr)
    return code


def _hint(name: str) -> str:
    from gencontrol.configuration import nearest

    return nearest(name, available())


if __name__ == "__main__":
    sys.exit(main())
