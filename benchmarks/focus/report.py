"""The tables, and whether the targets are met."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.focus.recognition import record_key
from benchmarks.focus.results import Record
from benchmarks.focus.rows import CHANCE, GENERATED, ROWS, STRATEGIES, row_of
from benchmarks.focus.scenes import KINDS, Kind
from benchmarks.focus.variation import summary

Records = Mapping[str, Record]

SHARE_OF_CEILING = 0.80
ALL_ONES_LOSS = 0.02
SHARE_OF_ALONE = 0.75
OTHERS_AT_MOST = 0.10
"""What is aimed at; set before anything was measured."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One aim, and what came."""

    aim: str
    """In words."""
    reached: str
    """In figures."""
    met: bool | None
    """None where it was not measured."""

    def __str__(self) -> str:
        state = {True: "met", False: "NOT MET", None: "not measured"}[self.met]
        return f"- {state}: {self.aim}. {self.reached}".rstrip()


def recognition_tables(records: Records) -> str:
    """Names, margins, sizes and drift, as markdown."""
    kinds = [kind for kind in KINDS if any(record_key(key, kind) in records for key in _keys())]
    seen, several = [k for k in kinds if not k.unseen], [k for k in kinds if k.sprites > 1]
    parts = [
        ("Top-1 / top-5 among all names, %, by number of sprites", kinds, _names_cell),
        (
            "Text margin (masked name less the best other in the scene, cosine x 100) and % of scenes above 0",
            several,
            _margin_cell,
        ),
        ("Top-1, %, by the masked sprite's visible area: smallest / middle / largest third", seen, _size_cell),
        (
            "Drift: cosine with, and length relative to, the plain CLIP's embedding of the sprite alone",
            kinds,
            _drift_cell,
        ),
    ]
    return "\n\n".join(f"{title}\n\n{_table(records, columns, cell)}" for title, columns, cell in parts if columns)


def variation_table(records: Records) -> str:
    """What the judge said, as markdown."""
    figures = variation_figures(records)
    head = [
        "",
        "masked %",
        "in best 5 %",
        "another in the scene %",
        "margin (nats)",
        "masked ahead %",
        "diversity",
        "scenes",
    ]
    lines = [
        [
            "chance" if key == CHANCE else row_of(key).label,
            _percent(row["masked"]),
            _percent(row["masked5"]),
            _percent(row["other"]),
            *(_number(row.get("margin"), 2), _percent(row.get("ahead")), _number(row.get("diversity"), 3)),
            str(row.get("scenes", "")),
        ]
        for key, row in figures.items()
    ]
    return markdown(head, lines)


def variation_figures(records: Records) -> dict[str, Record]:
    """Row -> figures over all its chunks, in the order of the table; rows without any are left out."""
    figures = {}
    for key in GENERATED:
        chunks = [record for name, record in records.items() if name.partition("/")[0] == key]
        if chunks:
            figures[key] = summary(chunks)
    if CHANCE in records:
        figures[CHANCE] = records[CHANCE]
    return figures


def targets(recognition: Records, variation: Records) -> list[Target]:
    """The aims of the sprite world, three sprites in the training styles, met or not."""
    return [*_recognition_targets(recognition), *_variation_targets(variation_figures(variation))]


def _recognition_targets(records: Records) -> list[Target]:
    def top1(key: str, sprites: int = 3) -> float | None:
        record = records.get(record_key(key, Kind(sprites=sprites)))
        return None if record is None else record["top1"]

    aims = (
        "recognition with the mask is at least 80 % of the ceiling (the better of the two)",
        "every training-free strategy on plain CLIP is below Alpha-CLIP with the mask, given the same pixels",
        "all ones loses at most 2 points against plain CLIP on single sprites",
    )
    first, second, third = (Target(aim=aim, reached="", met=None) for aim in aims)
    mask, ceilings = top1("alpha"), [top1("alone"), top1("alpha-alone")]
    if mask is not None and all(ceilings):
        ceiling = max(filter(None, ceilings))
        text = f"{_percent(mask)} % against {_percent(ceiling)} %: {mask / ceiling:.0%} of it"
        first = Target(aim=aims[0], reached=text, met=_at_least(mask, SHARE_OF_CEILING * ceiling))
    free = {key: value for key in STRATEGIES if (value := top1(key)) is not None}
    if mask is not None and len(free) == len(STRATEGIES):
        best = max(free, key=lambda key: free[key])
        text = f"the best is {best} with {_percent(free[best])} % against {_percent(mask)} %"
        source = top1("crop-source")
        text += "" if source is None else f"; a crop of the source's finer pixels has {_percent(source)} %"
        second = Target(aim=aims[1], reached=text, met=free[best] < mask)
    ones, plain = top1("alpha-ones", 1), top1("plain", 1)
    if ones is not None and plain is not None:
        text = f"{_percent(ones)} % against {_percent(plain)} %"
        third = Target(aim=aims[2], reached=text, met=_at_least(ones, plain - ALL_ONES_LOSS))
    return [first, second, third]


def _variation_targets(figures: Mapping[str, Record]) -> list[Target]:
    aims = (
        "variations are the masked sprite at least 75 % as often as those of the sprite alone",
        "variations are another sprite of the scene at most 10 % of the time",
    )
    first, second = (Target(aim=aim, reached="", met=None) for aim in aims)
    alpha, alone = figures.get("alpha"), figures.get("alone")
    if alpha is not None:
        text = f"{_percent(alpha['other'])} %"
        second = Target(aim=aims[1], reached=text, met=_at_least(OTHERS_AT_MOST, alpha["other"]))
    if alpha is not None and alone is not None:
        text = f"{_percent(alpha['masked'])} % against {_percent(alone['masked'])} %"
        text += f": {alpha['masked'] / alone['masked']:.0%} as often" if alone["masked"] else ""
        # Where not even the sprite alone is ever recognised, nothing is shown.
        met = alone["masked"] > 0 and _at_least(alpha["masked"], SHARE_OF_ALONE * alone["masked"])
        first = Target(aim=aims[0], reached=text, met=met)
    return [first, second]


def _at_least(value: float, bound: float) -> bool:
    """Up to rounding: shares are ratios of whole numbers."""
    return value >= bound - 1e-9


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A markdown table, all columns but the first to the right."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


def _keys() -> list[str]:
    return [CHANCE, *(row.key for row in ROWS)]


def _table(records: Records, kinds: Sequence[Kind], cell: Callable[[Record], str]) -> str:
    head = ["", *(f"{k.sprites}, unseen style" if k.unseen else f"{k.sprites}" for k in kinds)]
    lines = []
    for key in _keys():
        cells = [cell(records[record_key(key, k)]) if record_key(key, k) in records else "" for k in kinds]
        if any(cells):
            lines.append([CHANCE if key == CHANCE else row_of(key).label, *cells])
    return markdown(head, lines)


def _names_cell(record: Record) -> str:
    return f"{_percent(record['top1'])} / {_percent(record['top5'])}"


def _margin_cell(record: Record) -> str:
    if record["margin"] is None:
        return ""
    return f"{100 * record['margin']:+.1f} ({_percent(record['ahead'])})"


def _size_cell(record: Record) -> str:
    return " / ".join(map(_percent, record["top1_by_size"]))


def _drift_cell(record: Record) -> str:
    return f"{record['cosine']:.3f}, {record['length']:.2f}" if "cosine" in record else ""


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
