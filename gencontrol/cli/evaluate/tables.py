"""What `gencontrol evaluate` prints: our rows, and the published ones below them."""

from collections.abc import Mapping, Sequence
from typing import Any

from gencontrol.cli.report import table
from gencontrol.cli.terminal import say
from gencontrol.runs.evaluation import imagenet_s, refcoco, region_caption, statement_scores, whole
from gencontrol.tasks.protocols import imagenet_s as imagenet_s_protocol
from gencontrol.tasks.protocols import refcoco as refcoco_protocol
from gencontrol.tasks.protocols import region_captions, statements

Evaluated = (
    imagenet_s.Evaluated | refcoco.Evaluated | region_caption.Evaluated | whole.Evaluated | statement_scores.Evaluated
)


def print_evaluated(done: Evaluated, output: str) -> None:
    """The table, and a line that says of what.

    Args:
        done: What came of a measurement.
        output: Where it was written.
    """
    if isinstance(done, imagenet_s.Evaluated):
        _print_imagenet_s(done, output)
    elif isinstance(done, refcoco.Evaluated):
        _print_refcoco(done, output)
    elif isinstance(done, region_caption.Evaluated):
        _print_region_caption(done, output)
    elif isinstance(done, statement_scores.Evaluated):
        _print_statements(done, output)
    else:
        _print_whole(done, output)


def _print_imagenet_s(done: imagenet_s.Evaluated, output: str) -> None:
    lines = [(row.focus, row.fit, f"{row.top1:.2%}", f"{row.top5:.2%}") for row in done.rows]
    lines += [(f"published: {name}", "crop", f"{a:.2f}%", f"{b:.2f}%") for name, (a, b) in done.published.items()]
    print(table(lines, header=("focus", "fit", "top 1", "top 5")))
    _say_source(done.published, imagenet_s_protocol.SOURCE)
    say(f"{done.pictures} pictures, {done.classes} classes, {done.without_mask} left out; wrote {output}")


def _print_refcoco(done: refcoco.Evaluated, output: str) -> None:
    lines = [(row.focus, row.way, f"{row.accuracy:.2%}") for row in done.rows]
    lines += [(f"published: {name}", "", f"{value:.1f}%") for name, value in done.published.items()]
    print(table(lines, header=("focus", "sentence", "right")))
    _say_source(done.published, refcoco_protocol.SOURCE)
    say(
        f"{done.sentences} sentences about {done.references} things, {done.understood} of them taken apart; a right "
        f"box is among the candidates for {done.reachable:.1%}; wrote {output}"
    )


def _print_region_caption(done: region_caption.Evaluated, output: str) -> None:
    lines = [
        (row.focus, *(f"{100 * value:.1f}" for value in (row.cider_d, *row.bleu, row.rouge_l)), _or_none(row.meteor))
        for row in done.rows
    ]
    for name, scores in done.published.items():
        cider, meteor = scores.get("CIDEr"), scores.get("METEOR")
        lines.append((f"published: {name}", _or_none(cider, 1), *[""] * 5, _or_none(meteor, 1)))
    header = ("focus", "CIDEr-D", *(f"BLEU-{n}" for n in range(1, 5)), "ROUGE-L", "METEOR")
    print(table(lines, header=header))
    _say_source(done.published, region_captions.SOURCE)
    without = (
        "" if any(row.meteor is not None for row in done.rows) else "; METEOR needs --meteor meteor-1.5.jar and Java"
    )
    say(
        f"{done.things} things of {done.source}, {done.texts} texts; times 100, words {done.words}{without}; "
        f"wrote {output}"
    )


def _print_statements(done: statement_scores.Evaluated, output: str) -> None:
    shares = ("accuracy", "by_kind", "answered", "of_answered", "pairs", "sets")
    lines = [(row.part, row.way, *(_share(getattr(row, name)) for name in shares)) for row in done.rows]
    lines += [(f"published: {name}", "", f"{value:.1f}%", *[""] * 5) for name, value in done.published.items()]
    header = ("part", "way", "right", "mean of kinds", "answered", "right of those", "pairs", "sets")
    print(table(lines, header=header))
    _say_source(done.published, statements.SOURCE)
    say(f"{done.statements} statements, {done.understood} of them taken apart; regions: {done.regions}; wrote {output}")


def _say_source(published: Mapping[str, Any], source: str) -> None:
    if published:
        say(f"published: {source}")


def _or_none(value: float | None, times: int = 100) -> str:
    return "-" if value is None else f"{times * value:.1f}"


def _print_whole(done: whole.Evaluated, output: str) -> None:
    lines = [
        (row.encoder, _share(row.top1), _share(row.top5), *_shares(row.to_text), *_shares(row.to_image))
        for row in done.rows
    ]
    recalls = [f"R@{k}" for k in (1, 5, 10)]
    header = ("encoder", "top 1", "top 5", *(f"text {r}" for r in recalls), *(f"image {r}" for r in recalls))
    print(table(lines, header=header))
    say(
        f"{done.classified} pictures of {done.classes} classes; {done.captioned} pictures and {done.captions} "
        f"captions; wrote {output}"
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _shares(values: Sequence[float] | None) -> list[str]:
    return ["-"] * 3 if values is None else [_share(value) for value in values]
