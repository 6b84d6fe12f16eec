"""How well encoders look where they are told, and whether what is generated is what was pointed at.

    python -m benchmarks.focus --sheet sheet.png         everything: a thousand scenes a row
    python -m benchmarks.focus --quick                   to see that it runs
    python -m benchmarks.focus --parts recognition       without generating
    python -m benchmarks.focus --rows alpha crop alone   some rows

Test scenes of the sprite world. Recognition: is the masked sprite's name the best of all names? Variation: does a judge
of another architecture (`benchmarks/judge/`) see the masked sprite in the generated picture? Every finished row is
written to a JSON file and not measured again, so that a run can be broken off; the tables show all that is in it.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from benchmarks.focus.recognition import measure_kind, name_embeddings
from benchmarks.focus.report import recognition_tables, targets, variation_table
from benchmarks.focus.results import Results, digests
from benchmarks.focus.rows import CHANCE, GENERATED, ROWS, Row, open_encoders, row_of
from benchmarks.focus.scenes import KINDS
from benchmarks.focus.sheet import variation_sheet
from benchmarks.focus.variation import Plan, chance_row, draw_scenes, measure_row, open_draw
from benchmarks.judge.model import open_judge
from benchmarks.settings import Drawing, Judged, OnThreads, chosen_rows
from gencontrol.files import sha256
from gencontrol.images.writing import save_image
from gencontrol.models.registry import resolve
from gencontrol.runs.notices import quiet_loading
from gencontrol.sprites.store import SpriteStore, open_store

Part = Literal["recognition", "variation"]


@dataclass(frozen=True, kw_only=True)
class Settings(Judged, OnThreads, Drawing):
    """What to measure."""

    model: str = "tiny"
    """A preset or a folder in the layout of `tiny`; recognition needs only its `clip/` and `alpha_clip/`."""
    parts: tuple[Part, ...] = ("recognition", "variation")
    """What to measure."""
    rows: tuple[str, ...] = ()
    """Keys of the rows to measure; all unless given."""
    scenes: int = 1000
    """Scenes a row in recognition."""
    pictures: int = 1000
    """Scenes a row in variation, each drawn once."""
    diverse: int = 100
    """How many of these are drawn with further seeds, for the diversity."""
    seeds: int = 4
    """Pictures of each of those."""
    seed: int = 0
    """Of scenes and noise."""
    quick: bool = False
    """A handful of scenes and steps, in a file of their own."""
    sheet: Path | None = None
    """Also write a sheet of pictures."""
    sheet_scenes: int = 8
    """Scenes on the sheet."""
    output: Path = Path("runs/focus.json")
    """Where finished rows are kept."""


def main(settings: Settings) -> None:
    """Measure what is not measured yet, and print the tables and the targets.

    Raises:
        ConfigError: A row that does not exist.
        InputError: No sprites, or a file of rows that were measured otherwise.
        CheckpointError: No weights, or no judge.
    """
    settings = _shortened(settings)
    quiet_loading()
    rows = chosen_rows(ROWS, settings.rows)
    settings.use_threads()
    folder, store = Path(resolve(settings.model)), open_store(settings.sprites)
    if "recognition" in settings.parts:
        results = Results(settings.output, "recognition", _depends(settings, folder, "recognition"))
        recognise_rows(settings, folder, store, rows, results)
    if "variation" in settings.parts:
        results = Results(settings.output, "variation", _depends(settings, folder, "variation"))
        vary_rows(settings, folder, store, [row for row in rows if row.key in GENERATED], results)
    report(settings.output)


def recognise_rows(settings: Settings, folder: Path, store: SpriteStore, rows: list[Row], results: Results) -> None:
    """Measure recognition and drift on scenes of all kinds."""
    encoders = open_encoders(folder)
    with torch.inference_mode():
        names = name_embeddings(encoders, store)
    for kind in KINDS:
        _tell(f"recognition, {kind.name}")
        measure_kind(
            kind,
            rows,
            encoders=encoders,
            names=names,
            store=store,
            count=settings.scenes,
            seed=settings.seed,
            results=results,
        )


def vary_rows(settings: Settings, folder: Path, store: SpriteStore, rows: list[Row], results: Results) -> None:
    """Generate, judge, and draw the sheet."""
    judge = open_judge(settings.judge)
    judge.check_concepts(store)
    plan = Plan(pictures=settings.pictures, diverse=settings.diverse, seeds=settings.seeds, seed=settings.seed)
    scenes, encoders = draw_scenes(store, plan), open_encoders(folder)
    draw = open_draw(folder, settings)
    results.put(CHANCE, chance_row(len(judge.slugs), torch.cat([m.others for m in scenes])))
    for row in rows:
        _tell(f"variation, {row.label}")
        measure_row(row, scenes, plan, encoders=encoders, draw=draw, judge=judge, results=results)
    if settings.sheet is not None:
        columns = [row_of(key) for key in GENERATED]
        sheet = variation_sheet(
            columns, scenes[0], store.concepts, plan, encoders=encoders, draw=draw, count=settings.sheet_scenes
        )
        save_image(sheet, settings.sheet)


def report(output: Path) -> None:
    """Print tables and targets of all that is in the file."""
    recognition, variation = Results(output, "recognition"), Results(output, "variation")
    if recognition.records:
        about = f"{recognition.settings['scenes']} scenes a row: a share's standard error is {_error(recognition)}."
        print(f"\n## Recognition\n\n{about}\n\n{recognition_tables(recognition.records)}")
    if variation.records:
        told = variation.settings
        about = (
            f"{told['pictures']} pictures a row, {told['steps']} steps, guidance {told['guidance']}: a share's "
            f"standard error is {_error(variation)}. Diversity: mean cosine distance of the judge's last hidden layer "
            f"between {told['seeds']} seeds, {told['diverse']} scenes. The judge on real sprites, top-1: "
            f"{_accuracy(told['accuracy'])}."
        )
        print(f"\n## Variation, three sprites\n\n{about}\n\n{variation_table(variation.records)}")
    print("\n## Targets, three sprites, training styles\n")
    print("\n".join(map(str, targets(recognition.records, variation.records))))


def _shortened(settings: Settings) -> Settings:
    if not settings.quick:
        return settings
    output = settings.output
    if output == Settings.output:
        output = output.with_stem(f"{output.stem}-quick")
    return dataclasses.replace(settings, scenes=60, pictures=6, diverse=2, seeds=2, steps=4, output=output)


def _depends(settings: Settings, folder: Path, part: Part) -> dict[str, Any]:
    """What the rows of a part depend on."""
    told = {"seed": settings.seed, "sprites": sha256(settings.sprites)[:16]}
    if part == "recognition":
        return told | {"scenes": settings.scenes, "weights": digests(folder, ("clip", "alpha_clip"))}
    told |= {name: getattr(settings, name) for name in ("pictures", "diverse", "seeds", "steps", "guidance")}
    return told | {
        "weights": digests(folder, ("clip", "alpha_clip", "vae", "unet")),
        "judge": digests(settings.judge, (".",)),
        "accuracy": open_judge(settings.judge).facts.get("accuracy", {}),
    }


def _error(results: Results) -> str:
    """The largest standard error of a share of so many scenes: that of one half."""
    count = results.settings.get("scenes") or results.settings["pictures"]
    return f"at most {50 / count**0.5:.1f} points"


def _accuracy(accuracy: dict[str, Any]) -> str:
    """Top-1 on each kind of test scenes."""
    found = {name: kind for name, kind in accuracy.items() if isinstance(kind, dict)}
    return ", ".join(f"{name} {kind['top1']:.1%} of {kind['scenes']}" for name, kind in found.items()) or "not known"


def _tell(text: str) -> None:
    print(f"measuring {text}", flush=True)
