"""`gencontrol train STAGE`: train a stage of the embedded stack, or an Alpha-CLIP on pairs of one's own."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, arg

from gencontrol.cli.flags import Repeatable
from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say
from gencontrol.errors import ConfigError

_SPRITES = Path("data/sprites/sprites.npz")
_STAGES = "clip, alpha-clip, autoencoder, denoiser, relations, one-pass, language, grounder, segmenter"
_ON_PAIRS = ("alpha-clip", "one-pass")


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Flags of `gencontrol train`."""

    stage: Positional[str] = ""
    """`clip`, `alpha-clip`, `autoencoder`, `denoiser`, `relations`, `one-pass`, `language`, `grounder` or
    `segmenter`."""
    output: Annotated[Path | None, arg(aliases=("-o",), metavar="FOLDER")] = None
    """Where the run lives; started again with the same folder, it goes on; one run at a time. `runs/STAGE` by
    default."""
    settings: Annotated[Path | None, arg(name="config", metavar="FILE.yaml")] = None
    """The stage's settings instead of its preset; also the name of another shipped one: `alpha_clip_published`."""
    change: Annotated[Repeatable, arg(name="set", metavar="KEY=VALUE")] = ()
    """Change one setting, such as `run.steps=100`; repeatable."""
    sprites: Annotated[Path | None, arg(metavar="FILE")] = None
    """The store that `gencontrol data sprites` made; `data/sprites/sprites.npz` by default."""
    pairs: Annotated[Path | None, arg(metavar="FOLDER")] = None
    """Train alpha-clip or one-pass on a folder with `pairs.jsonl` instead of the sprite world."""
    until: Annotated[int | None, arg(metavar="STEP")] = None
    """Stop with a checkpoint after this many steps in all, to go on later."""


def main(arguments: Sequence[str]) -> None:
    """Train, going on where the folder's run stopped."""
    options = parse(
        TrainOptions,
        arguments,
        command="train",
        description=f"Train a stage: {_STAGES}. Also with `accelerate launch`.",
    )
    from gencontrol.configuration import nearest
    from gencontrol.training.stages.registry import STAGES

    if not options.stage:
        raise ConfigError(f"No stage is named: gencontrol train STAGE trains one of {', '.join(STAGES)}.")
    if options.stage not in STAGES:
        raise ConfigError(f"No stage {options.stage!r}{nearest(options.stage, STAGES)}")
    if options.pairs and options.stage not in _ON_PAIRS:
        raise ConfigError(f"--pairs: only {' and '.join(_ON_PAIRS)} train on a folder of pairs, not {options.stage}.")
    if options.pairs and options.sprites:
        raise ConfigError(f"--pairs, --sprites: {options.stage} trains on one of them; leave the other out.")
    if options.until is not None and options.until < 1:
        raise ConfigError(f"--until: expected a step of at least 1, got {options.until}.")
    folder = run_stage(options)
    say(f"the run is in {folder}")


def run_stage(options: TrainOptions) -> Path:
    """Build the stage from its settings and train it."""
    from gencontrol.cli.terminal import log_to_stderr
    from gencontrol.configuration import from_yaml
    from gencontrol.files import check_folder
    from gencontrol.locks import held
    from gencontrol.runs.notices import quiet_loading
    from gencontrol.training.loop.devices import start_accelerator
    from gencontrol.training.loop.reporting import Reporter
    from gencontrol.training.loop.train import train
    from gencontrol.training.stages.registry import STAGES, Places, settings_path

    log_to_stderr()
    quiet_loading()
    stage = STAGES[options.stage]
    folder = options.output or Path("runs") / options.stage
    check_folder(folder)
    path = settings_path(options.settings, stage)
    config: Any = from_yaml(stage.config, path, overrides=parse_changes(options.change))
    if options.until is not None and options.until > config.run.steps:
        raise ConfigError(
            f"--until {options.until}: the run ends after {config.run.steps} steps (run.steps) by itself."
        )
    # First: the stages' own ask for what has been started.
    accelerator = start_accelerator(config.run.device)
    is_main = accelerator.is_main_process
    # Held from here, since a stage's own caches lie in the folder too.
    with held(folder) if is_main else nullcontext():
        task = stage.build(config, Places(folder=folder, sprites=options.sprites or _SPRITES, pairs=options.pairs))
        with Reporter(folder, steps=config.run.steps) if is_main else nullcontext() as report:
            train(task, config.run, folder=folder, accelerator=accelerator, report=report, until=options.until)
    return folder


def parse_changes(changes: Sequence[str]) -> Mapping[str, Any]:
    """`KEY=VALUE` texts to dotted keys and YAML values.

    Raises:
        ConfigError: A text without `=`, or a value that is not YAML.
    """
    from gencontrol.configuration import yaml_value

    parsed = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not (key and equals):
            raise ConfigError(f"--set {change}: expected KEY=VALUE, such as run.steps=100.")
        try:
            parsed[key] = yaml_value(value)
        except ValueError as error:
            raise ConfigError(f"--set {change}: the value is not YAML: {error}.") from error
    return parsed
