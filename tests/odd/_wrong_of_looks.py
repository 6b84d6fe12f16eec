"""The public calls of focus, guidance, relations, proposals and tasks, as _wrong.py has those of the others."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from gencontrol import AlphaCLIP, Region, focus, guidance, proposals, regions, relations
from gencontrol.images import Picture
from gencontrol.relations.learned.module import ModuleConfig
from gencontrol.tasks import ask, calibration, classify, labels, refer, templates, zero_shot
from gencontrol.tasks.llava.answering import Decoding

PACKAGES = (focus, guidance, relations, proposals)
"""Whose re-exported names are tried."""
TASKS = (ask, calibration, classify, labels, refer, templates, zero_shot)
"""Whose functions are tried: the package re-exports none."""
ELSEWHERE = frozenset(
    # Protocols, what other calls return, what is only held, and looks without settings.
    "AlphaFocus OnePassFocus "
    "FocusStrategy Encoder Grounder Segmenter Captioner PhraseAnswer SceneRelations PairGeometry RelationModule "
    # An encoder's own pieces, which `classify` and `calibrate` pass on.
    "imagenet_labels classified wanted_below wanted_above "
    "share_errors monotone_path values_of templates_for fitted".split()
)
"""Names that have no arguments of a person's."""


def calls(tried: Callable[..., Any], encoder: AlphaCLIP, llava: Any, files: Path) -> dict[str, Any]:
    """Name -> call.

    Args:
        tried: The record of a call, of tests/odd/_wrong.py.
        encoder: Any with a text tower.
        llava: A language model with regions.
        files: A folder to write in.
    """
    parts = (_losses(), _guides(encoder), _related(encoder, files), _proposed(), _asked(encoder, llava, files))
    steered = {name: call for part in parts for name, call in part.items()}
    return _focused(tried) | {
        name: tried(call=call, takes=takes, is_slow=name in ("ask_regions", "caption_regions"))
        for name, (call, takes) in steered.items()
    }


def methods_of(module: ModuleType) -> set[str]:
    """Public functions that a file of tasks defines."""
    found = inspect.getmembers(module, inspect.isfunction)
    return {name for name, thing in found if thing.__module__ == module.__name__ and not name.startswith("_")}


Calls = Mapping[str, tuple[Callable[..., Any], Mapping[str, Any]]]


def _focused(tried: Callable[..., Any]) -> dict[str, Any]:
    classes = [getattr(focus, name) for name in dir(focus) if name.endswith("Focus") and name != "SumFocus"]
    settings = {kind: inspect.signature(kind).parameters for kind in classes}
    made = {
        kind.__name__: tried(call=kind, takes={name: of.default for name, of in fields.items()})
        for kind, fields in settings.items()
        if fields
    }
    named = {"name": "zoom", "margin": 0.5, "colour": "mean"}
    return made | {
        "SumFocus": tried(call=focus.SumFocus, takes={"looks": (focus.AlphaFocus(), focus.CropFocus())}),
        "focus_strategy": tried(call=lambda name, **rest: focus.focus_strategy(name, **rest), takes=named),
        "configured_focus": tried(call=focus.configured_focus, takes={"look": {"name": "zoom"}}),
    }


def _drawn(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def _alpha() -> torch.Tensor:
    alpha = torch.zeros(1, 1, 40, 56)
    alpha[..., 10:20, 10:30] = 1
    return alpha


def _scene() -> regions.Scene:
    other = torch.zeros(40, 56)
    other[25:35, 30:50] = 1
    named = (Region(alpha=_alpha()[0, 0], label="cat"), Region(alpha=other, label="dog"))
    return regions.Scene(picture=Picture(rgb=_drawn(3, 40, 56)), regions=named)


def _losses() -> Calls:
    two, one = _drawn(2, 8), _drawn(1, 8)
    return {
        "contrastive_loss": (
            guidance.contrastive_loss,
            {"image": two, "target": one, "others": _drawn(3, 8), "scale": 50.0},
        ),
        "directional_loss": (
            guidance.directional_loss,
            {"image": two, "image_before": one, "text": one, "text_before": _drawn(2, 8)},
        ),
        "similarity_loss": (guidance.similarity_loss, {"image": two, "target": one}),
        "opacity_entropy": (guidance.opacity_entropy, {"opacity": _drawn(7)}),
        "total_variation": (guidance.total_variation, {"grid": _drawn(1, 2, 5, 5)}),
        "transmittance_loss": (
            guidance.transmittance_loss,
            {"opacity": _drawn(2, 7), "ceiling": 0.5, "among": None},
        ),
        "composite": (
            guidance.composite,
            {"colour": _drawn(1, 3, 9, 9), "opacity": _drawn(1, 1, 9, 9), "background": _drawn(1, 3, 1, 1)},
        ),
        "random_backgrounds": (
            guidance.random_backgrounds,
            {
                "count": 1,
                "size": (9, 9),
                "kinds": ("noise",),
                "blur": 0.1,
                "generator": torch.Generator().manual_seed(0),
            },
        ),
        "augment": (
            guidance.augment,
            {
                "colour": _drawn(1, 3, 16, 16),
                "opacity": _drawn(1, 1, 16, 16),
                "alpha": _drawn(1, 1, 16, 16),
                "settings": guidance.Augmentation(copies=1),
                "generator": torch.Generator().manual_seed(0),
            },
        ),
        "Augmentation": (guidance.Augmentation, _defaults(guidance.Augmentation)),
        "ViewPrompts": (guidance.ViewPrompts, _defaults(guidance.ViewPrompts)),
        "Schedule": (guidance.Schedule, {"points": ((0, 1.0), (10, 0.5)), "curve": "linear"}),
        "as_schedule": (guidance.as_schedule, {"value": 1.0}),
        "constant": (guidance.constant, {"value": 1.0}),
        "value_at": (guidance.value_at, {"schedule": guidance.constant(1.0), "position": 3}),
        "view_texts": (guidance.view_texts, {"prompt": "a cat", "views": guidance.ViewPrompts()}),
        "view_weights": (
            guidance.view_weights,
            {"azimuth": _drawn(2), "elevation": _drawn(2), "views": guidance.ViewPrompts()},
        ),
        "mix_views": (guidance.mix_views, {"embeds": _drawn(4, 8), "weights": _drawn(2, 4)}),
    }


def _defaults(kind: Any) -> dict[str, Any]:
    return {name: of.default for name, of in inspect.signature(kind).parameters.items()}


def _guides(encoder: AlphaCLIP) -> Calls:
    guide, views = guidance.Guide(encoder=encoder), {"rgb": _drawn(1, 3, 40, 56), "alpha": _alpha()}
    target = guidance.text_targets(encoder, "a cat").detach()
    steered = {"guides": [guide], "targets": [target], **views, "step": 0}
    return {
        "Guide": (guidance.Guide, {"encoder": encoder, "weight": guidance.constant(1.0), "start": 0}),
        "embed": (guidance.embed, {"encoder": encoder, **views}),
        "region_target": (guidance.region_target, {"encoder": encoder, **views}),
        "text_targets": (guidance.text_targets, {"encoder": encoder, "texts": ["a cat"]}),
        "alpha_similarity_loss": (guidance.alpha_similarity_loss, steered),
        "guide_losses": (guidance.guide_losses, {**steered, "others": None, "scale": 50.0}),
    }


def _related(encoder: AlphaCLIP, files: Path) -> Calls:
    scene, module = _scene(), relations.RelationModule(ModuleConfig())
    related, clip_alphas = relations.relate(None, scene), torch.stack([region.alpha for region in scene.regions])
    pictures = (scene.picture, scene.picture)
    clip = relations.Clip(pictures=pictures, alphas=torch.stack([clip_alphas, clip_alphas]), labels=("cat", "dog"))
    looked = {"encoder": encoder, "scene": scene, "focus": None}
    return {
        "Clip": (relations.Clip, {"pictures": pictures, "alphas": clip.alphas, "labels": ("cat", "dog")}),
        "Thing": (relations.Thing, {"name": "cat", "superlative": None, "clause": None}),
        "draw_relations": (relations.draw_relations, {"scene": scene, "related": related, "at_least": 0.5}),
        "find_phrase": (
            relations.find_phrase,
            {**looked, "text": "the cat left of the dog", "truncate": False, "related": None},
        ),
        "follow": (relations.follow, {"frames": torch.stack([scene.picture.rgb] * 2), "first": clip_alphas}),
        "hand_rules": (relations.hand_rules, {"geometry": related.geometry}),
        "is_relational": (relations.is_relational, {"text": "the cat left of the dog", "names": ("cat",)}),
        "parse_phrase": (relations.parse_phrase, {"text": "the cat left of the dog", "names": ("cat",)}),
        "open_module": (relations.open_module, {"folder": files / "no module"}),
        "pair_geometry": (relations.pair_geometry, {"alphas": clip_alphas, "used": None}),
        "RankedPicture": (relations.RankedPicture, {"place": 0, "fits": 0.5, "accepted": True}),
        "rank_pictures": (
            relations.rank_pictures,
            {
                **{"encoder": encoder, "pictures": (scene,), "phrase": "the cat left of the dog", "at_least": 0.5},
                **{"focus": None, "related": None, "module": None},
            },
        ),
        "relate": (relations.relate, {**looked, "encoder": None, "module": None, "core": None}),
        "relate_clip": (
            relations.relate_clip,
            {"encoder": None, "clip": clip, "module": module, "focus": None, "core": None},
        ),
        "relation_loss": (
            relations.relation_loss,
            {"subject": clip_alphas[0], "other": clip_alphas[1], "relation": "left of"},
        ),
    }


def _proposed() -> Calls:
    found = {"boxes": torch.tensor([[1.0, 2, 20, 30]]), "scores": torch.tensor([0.5])}
    grounding = proposals.Grounding(**found, phrases=("cat",), size=(40, 56))
    named = {"model": "nowhere/at all", "revision": None, "local_files_only": True, "dtype": None, "device": "cpu"}
    return {
        "Grounding": (proposals.Grounding, {**found, "phrases": ("cat",), "size": (40, 56)}),
        "Segmentation": (
            proposals.Segmentation,
            {"masks": torch.ones(1, 40, 56, dtype=torch.bool), "scores": torch.ones(1)},
        ),
        "NounPhrase": (proposals.NounPhrase, {"text": "a cat", "start": 0, "end": 5, "head": "cat"}),
        "best_of_each": (proposals.best_of_each, {"grounding": grounding}),
        "box_regions": (proposals.box_regions, {"grounding": grounding}),
        "draw_grounding": (proposals.draw_grounding, {"picture": _scene().picture, "grounding": grounding}),
        "distinct_phrases": (proposals.distinct_phrases, {"caption": "a cat and a dog"}),
        "noun_phrases": (proposals.noun_phrases, {"caption": "a cat and a dog"}),
        "split_phrases": (proposals.split_phrases, {"text": "a cat. a dog."}),
        "open_grounder": (proposals.open_grounder, {**named, "tokenizer": "nowhere/at all"}),
        "open_segmenter": (proposals.open_segmenter, {**named, "model": "grabcut"}),
        "open_captioner": (proposals.open_captioner, {**named, "model": "templates"}),
    }


def _asked(encoder: AlphaCLIP, llava: Any, files: Path) -> Calls:
    scene, texts = _scene(), ["cat", "dog"]
    (files / "labels.txt").write_text("cat\ndog\n", encoding="utf-8")
    told = {"llava": llava, "scene": scene, "focus": None, "decoding": Decoding(max_tokens=2)}
    whole = regions.Scene(picture=scene.picture, regions=scene.regions)
    result = classify.classify(encoder, whole, texts)
    proposed = {"grounder": _Everything(), "segmenter": proposals.open_segmenter("box"), "threshold": None, "most": 3}
    return {
        "ask_regions": (ask.ask_regions, {**told, "question": "what?"}),
        "caption_regions": (ask.caption_regions, told),
        "measure": (
            calibration.measure,
            {"encoder": encoder, "scene": scene, "texts": texts, "way": "passes", "steps": 2, "focus": None},
        ),
        "calibrated": (
            calibration.calibrated,
            {"responses": [calibration.measure(encoder, scene, texts, way="passes", steps=5)], "way": "passes"},
        ),
        "text_embeds": (classify.text_embeds, {"encoder": encoder, "texts": texts}),
        "check_distinct": (classify.check_distinct, {"texts": texts}),
        "read_labels": (labels.read_labels, {"path": files / "labels.txt"}),
        "check_labels": (labels.check_labels, {"labels": texts}),
        "check_templates": (templates.check_templates, {"templates": ["a {}"]}),
        "filled": (templates.filled, {"template": "a {}", "label": "cat"}),
        "propose": (refer.propose, {"picture": scene.picture, "text": "a cat", **proposed}),
        "zero_shot_weights": (
            zero_shot.zero_shot_weights,
            {"encoder": encoder, "labels": texts, "templates": ["{}"], "truncate": False, "batch": 2},
        ),
        "classify_labels": (
            zero_shot.classify_labels,
            {
                "encoder": encoder,
                "scene": scene,
                "labels": texts,
                "templates": ["{}"],
                "focus": None,
                "truncate": False,
            },
        ),
        "top_k": (zero_shot.top_k, {"result": result, "labels": texts, "k": 1}),
    }


class _Everything:
    """A grounder that takes the whole picture."""

    def ground(self, image: Any, phrases: Any, *, threshold: Any = None, most: int = 1) -> proposals.Grounding:
        del image, threshold, most
        box = torch.tensor([[0.0, 0, 56, 40]])
        return proposals.Grounding(boxes=box, scores=torch.ones(1), phrases=(phrases[0],), size=(40, 56))
