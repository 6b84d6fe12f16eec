"""`gencontrol models`: the presets that `--model` knows, and the stock pipelines that take a reference's part."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from gencontrol.cli.flags import FormatOptions
from gencontrol.cli.parse import parse
from gencontrol.cli.report import markdown, print_json, table
from gencontrol.errors import CheckpointError, ConfigError
from gencontrol.models.registry import PRESETS, Preset, resolve

Lay = Callable[..., str]
"""How rows under a header become a table."""
INDEX = "model_index.json"
"""The file that every diffusers folder has: if the cache holds it, the model was fetched."""
PUBLISHED = frozenset({"ViT-B/16", "ViT-L/14", "ViT-L/14@336"})
"""Encoders that the Alpha-CLIP authors have published checkpoints of (their model-zoo.md)."""


@dataclass(frozen=True, kw_only=True)
class ModelsOptions(FormatOptions):
    """What is listed."""

    references: bool = False
    """List the stock pipelines for which `gencontrol.pipelines.region_arguments` makes arguments instead."""
    holes: bool = False
    """List the models that `gencontrol edit` paints holes with beside the presets, for which it takes a prompt."""
    markdown: bool = False
    """Print tables as Markdown, as the documentation has them."""


FLAGS = ModelsOptions


def main(arguments: Sequence[str]) -> None:
    """List the presets, or the hosts of references, or those that paint into holes.

    Raises:
        ConfigError: Two lists at once, or two forms.
    """
    options = parse(
        ModelsOptions,
        arguments,
        command="models",
        description="The presets that --model knows: encoder, licence, size, and whether the weights are here.",
    )
    if options.holes and options.references:
        raise ConfigError("`holes` and `references` are two lists: give one of them at a time.")
    if options.markdown and options.format == "json":
        raise ConfigError("`markdown` and `format` json are two forms: give one of them.")
    lay = markdown if options.markdown else table
    if options.holes:
        _list_holes(options.format, lay)
        return
    if options.references:
        _list_references(options.format, lay)
        return
    states = {name: state_of(preset) for name, preset in PRESETS.items()}
    if options.format == "json":
        print_json(
            [
                asdict(preset) | {"state": states[name], "alpha_clip_from": alpha_clip_of(preset)}
                for name, preset in PRESETS.items()
            ]
        )
        return
    header = ("name", "host", "encoder", "Alpha-CLIP", "licence", "size", "state", "model")
    print(lay([_row(preset, states[name]) for name, preset in PRESETS.items()], header=header))
    _list_fetched(lay)


def _list_fetched(lay: Lay) -> None:
    from gencontrol.runs.references.table import FETCHED_HEADER, fetched_rows, restrictions

    print("\nTake parts of reference pictures beside a prompt (`--reference`):\n")
    print(lay(fetched_rows(), header=FETCHED_HEADER))
    print("\n" + "\n".join(restrictions()))


def _list_holes(form: str, lay: Lay) -> None:
    from gencontrol.pipelines.hosts.inpainting import INPAINTING_HOSTS
    from gencontrol.runs.references.table import FETCHED_HEADER, fetched_rows, reference_records, restrictions

    if form == "json":
        print_json(reference_records(INPAINTING_HOSTS))
        return
    print(lay(fetched_rows(INPAINTING_HOSTS), header=FETCHED_HEADER))
    print("\n" + "\n".join(restrictions(INPAINTING_HOSTS)))


def _list_references(form: str, lay: Lay) -> None:
    from gencontrol.runs.references.table import HEADER, reference_records, reference_rows, restrictions

    if form == "json":
        print_json(reference_records())
        return
    print(lay(reference_rows(), header=HEADER))
    print("\n" + "\n".join(restrictions()))


def state_of(preset: Preset) -> str:
    """`here` (in the package or a folder), `cached` (from a hub), or `not here`."""
    try:
        where = resolve(preset.name)
    except CheckpointError:
        return "not here"
    if not isinstance(where, str):
        return "here"
    from huggingface_hub import try_to_load_from_cache

    return "cached" if isinstance(try_to_load_from_cache(where, INDEX), str) else "not here"


def alpha_clip_of(preset: Preset) -> str:
    """Where the preset's Alpha-CLIP is to be had."""
    if preset.alpha_clip is not None or preset.model.startswith("package:"):
        return "comes with it"
    return "--alpha-clip FILE" if preset.encoder in PUBLISHED else "none published"


def _row(preset: Preset, state: str) -> tuple[str, ...]:
    size = f"{preset.size_mb:,.0f} MB"
    return (preset.name, preset.host, preset.encoder, alpha_clip_of(preset), preset.licence, size, state, preset.model)
