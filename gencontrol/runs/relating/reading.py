"""From settings to the regions of a picture, how they stand to each other, and a drawing of that."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gencontrol.errors import ConfigError
from gencontrol.kinds import checked
from gencontrol.numbers import check_number
from gencontrol.regions.scene import Scene
from gencontrol.relations.clips import Clip, relate_clip
from gencontrol.relations.drawing import draw_relations
from gencontrol.relations.learned.answers import RELATIONS
from gencontrol.relations.learned.cores import CoreName
from gencontrol.relations.learned.module import RelationModule
from gencontrol.relations.learned.opening import has_shipped, open_module
from gencontrol.relations.phrases import PhraseAnswer, answerable, find_phrase
from gencontrol.relations.relating import SceneRelations, check_regions, relate
from gencontrol.relations.vocabulary import ANSWERED, MOVING
from gencontrol.runs.files.encodings import ENCODINGS
from gencontrol.runs.files.inputs import inputs_of
from gencontrol.runs.files.new_file import check_new_file
from gencontrol.runs.files.outputs import write_picture
from gencontrol.runs.notation import parse_focus, split_name
from gencontrol.runs.opening import open_encoder
from gencontrol.runs.pointing import read_pointing
from gencontrol.runs.relating.films import is_film
from gencontrol.runs.relating.frames import is_clip, read_clip
from gencontrol.runs.relating.label_maps import read_label_map
from gencontrol.runs.relating.settings import NamedRegionSettings, RelatingSettings
from gencontrol.runs.scenes import read_scene
from gencontrol.runs.settings import RegionSettings

_POINTED = ("mask", "index_mask", "box", "point")
"""Settings that point, in the order in which regions are numbered."""


@checked
def relate_regions(settings: RelatingSettings) -> tuple[SceneRelations, tuple[PhraseAnswer, ...]]:
    """Ask how the regions stand to each other, and which of them phrases mean; draw it if that is asked for.

    Raises:
        ConfigError: No picture, a setting that cannot be read, or a number that cannot be.
        InputError: A picture, mask or phrase that cannot be used, fewer than two regions, or a file that is there.
        OutputError: A full disk, or a folder that may not be written in.
    """
    check_number(settings.at_least, name="`at_least`", at_least=0, at_most=1)
    focus = parse_focus(settings.focus)
    moving = asks_of_clip(settings)
    module, core = chosen_module(settings, moving=moving)
    answered = _answered(module, moving=moving)
    names = [name for kind in _POINTED for name, _ in map(split_name, getattr(settings, kind)) if name]
    for text in settings.text:
        answerable(text, answered=answered, names=names)
    clip = read_named_clip(settings) if moving else None
    scene = read_named_regions(settings) if clip is None else clip.shown()
    check_regions(scene)
    _check_graph(settings)
    encoder = open_encoder(settings)
    if module is not None and clip is not None:
        related = relate_clip(encoder, clip, module, focus=focus, core=core)
    else:
        related = relate(encoder, scene, focus=focus, module=module, core=core)
    answers = tuple(find_phrase(encoder, scene, text, focus=focus, related=related) for text in settings.text)
    if settings.graph is not None:
        existing = "overwrite" if settings.overwrite else "error"
        drawn = draw_relations(scene, related, at_least=settings.at_least)
        write_picture(drawn, Path(settings.graph), existing=existing)
    return related, answers


def asks_of_clip(settings: RelatingSettings) -> bool:
    """Whether the masks are clips; a single mask is of a picture, or of an animation's first frame.

    Raises:
        ConfigError: Regions of a clip are given otherwise.
    """
    clips = [is_clip(Path(split_name(text)[1])) for text in settings.mask]
    if settings.follow:
        _check_followed(settings, clips)
    elif not any(clips):
        film = is_film(Path(settings.image))
        if settings.image and (film or Path(settings.image).is_dir()):
            what = "a film" if film else "a folder of frames"
            raise ConfigError(
                f"{settings.image} is {what}: give each region a folder or an animation of masks, or one "
                "picture of the first frame and `follow`."
            )
        return False
    others = [name for name in _POINTED[1:] if getattr(settings, name)] + (["label_map"] if settings.label_map else [])
    if others:
        raise ConfigError(
            "In a clip every region is given by `mask`: an animation or a folder with a mask for every frame, or "
            "one picture for what stays where it is."
        )
    return True


def _check_followed(settings: RelatingSettings, clips: Sequence[bool]) -> None:
    if not settings.image or not is_clip(Path(settings.image)):
        raise ConfigError("`follow` is of clips: give an animation or a folder of frames, or leave it out.")
    if any(clips) or not clips:
        raise ConfigError("`follow`: every `mask` is one picture, which marks the first frame.")


def chosen_module(settings: RelatingSettings, *, moving: bool) -> tuple[RelationModule | None, CoreName | None]:
    """What answers: a module and its core, or neither, which is rules.

    Raises:
        ConfigError: Rules, or nothing that this build comes with, for a clip; rules with a module.
        CheckpointError: No such module.
    """
    if settings.module is not None and settings.core == "rules":
        raise ConfigError("`core` rules uses no `module`: leave one of them out.")
    core = None if settings.core in ("auto", "rules") else settings.core
    if settings.core == "rules" or (settings.core == "auto" and settings.module is None and not has_shipped()):
        if moving:
            raise ConfigError("Rules on masks do not answer for clips: name a trained `module`, or another `core`.")
        return None, None
    return open_module(None if settings.module is None else Path(settings.module)), core


def _answered(module: RelationModule | None, *, moving: bool) -> tuple[str, ...]:
    if module is None:
        return ANSWERED
    return tuple(name for name in RELATIONS if moving or name not in MOVING)


@checked
def read_named_clip(settings: RelatingSettings) -> Clip:
    """The frames of a clip and their regions, with their names as labels.

    Raises:
        ConfigError: No clip.
        InputError: Frames or masks that cannot be used.
    """
    masks = [(name, Path(rest)) for name, rest in (split_name(text) for text in settings.mask)]
    return read_clip(Path(settings.image), masks, resize=settings.resize_mask, followed=settings.follow)


@checked
def read_named_regions(settings: NamedRegionSettings) -> Scene:
    """The picture and its regions, with their names as labels.

    Raises:
        ConfigError: No picture, or a setting that cannot be read.
        InputError: A picture or a mask that cannot be used.
    """
    if not settings.image:
        raise ConfigError(
            "Give a picture and its regions, such as IMAGE, then `mask` dog=dog.png and `box` cup=4,4,9,9."
        )
    split = {name: [split_name(text) for text in getattr(settings, name)] for name in _POINTED}
    plain = RegionSettings(
        images=(settings.image,),
        threshold=settings.threshold,
        resize_mask=settings.resize_mask,
        mask=_rest(split["mask"]),
        index_mask=_rest(split["index_mask"]),
        box=_rest(split["box"]),
        point=_rest(split["point"]),
    )
    scene = read_scene(Path(settings.image), read_pointing(plain)).scene
    names = [name for parts in split.values() for name, _ in parts]
    named = [replace(r, label=name or r.label) for name, r in zip(names, scene.regions, strict=True)]
    if settings.label_map is not None:
        named += read_label_map(Path(settings.label_map), size=scene.picture.size, resize=settings.resize_mask)
    return replace(scene, regions=tuple(named))


def _rest(parts: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """What is behind the names."""
    return tuple(rest for _, rest in parts)


def _check_graph(settings: RelatingSettings) -> None:
    """Before anything is loaded."""
    if settings.graph is None:
        return
    path = Path(settings.graph)
    if path.suffix.lower() not in ENCODINGS:
        raise ConfigError(f"`graph` {path}: expected a name that ends in {', '.join(ENCODINGS)}.")
    check_new_file(path, inputs_of(settings), overwrite=settings.overwrite, setting="graph")
