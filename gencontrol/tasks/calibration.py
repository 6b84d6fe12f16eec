"""Fitting a curve by which levels mean shares of attention: how shares follow what is given, measured, and undone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.embed import weighted_mean
from gencontrol.errors import InputError
from gencontrol.focus.alpha import AlphaFocus
from gencontrol.focus.strategy import FocusStrategy, colours_for
from gencontrol.kinds import checked
from gencontrol.numbers import check_number
from gencontrol.regions.curves import LevelsCurve, Way, identity
from gencontrol.regions.region import stack_alphas
from gencontrol.regions.scene import Scene
from gencontrol.tasks.classify import classified, text_embeds
from gencontrol.tasks.levels import SWEEP

BATCH = 16
"""Maps that the encoder is given at once."""
OTHERS = 0.5
"""Level of the other regions in the sweep by which a curve is judged: the swept one is below them, and above."""
_MOST_STEPS = 10_001
"""Finer than any share that can be told from the next; each costs a look."""
_NEARER = 1e-6
"""So little is better to stay at the level itself, where curves are equally good."""
_Look = Callable[[Float[Tensor, "t k"]], Float[Tensor, "t d"]]
"""From what is given for each region, a row a time, to embeddings."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """How the share of each region of one picture follows what is given for it."""

    below: Float[Tensor, "k t"]
    """Of a region that is given each of the values, the others 1."""
    above: Float[Tensor, "k t"]
    """Of a region that is given 1, the others each of the values."""


def values_of(steps: int) -> Float[Tensor, " t"]:
    """What is given in turn: `steps` values from 0 to 1."""
    return torch.linspace(0, 1, steps)


@torch.no_grad()
@checked
def measure(
    encoder: AlphaCLIP,
    scene: Scene,
    texts: Sequence[str] | Float[Tensor, "k d"],
    *,
    way: Way,
    steps: int,
    focus: FocusStrategy | None = None,
) -> Response:
    """Give each region of a picture every value in turn, and see what share its text has among all.

    Args:
        encoder: With a text tower, behind the geometry in which it is to see the picture.
        scene: The picture and at least two regions; their levels and weights play no part.
        texts: What each region shows, or their embeddings.
        way: One look at a map of values, or a look at each region, mixed by the values.
        steps: How many values, at least 2.
        focus: How each region is looked at where looks are mixed; a map is always seen by the alpha channel.

    Raises:
        InputError: Fewer than two regions, another number of texts, or what `classify` refuses.
        ConfigError: A number of values out of range.
    """
    check_number(steps, name="steps", at_least=2, at_most=_MOST_STEPS)
    if len(scene.regions) < 2:
        raise InputError("Levels are shares beside others: expected at least two regions in a picture, got fewer.")
    embeds = text_embeds(encoder, texts)
    if len(embeds) != len(scene.regions):
        raise InputError(f"texts: expected one for each of {len(scene.regions)} regions, got {len(embeds)}.")
    look = _one_pass(encoder, scene) if way == "one-pass" else _passes(encoder, scene, focus or AlphaFocus())
    values, below, above = values_of(int(steps))[:, None], [], []
    for region in range(len(scene.regions)):
        swept = torch.arange(len(scene.regions)) == region
        below.append(_shares(encoder, look(torch.where(swept, values, 1.0)), embeds)[:, region])
        above.append(_shares(encoder, look(torch.where(swept, 1.0, values)), embeds)[:, region])
    return Response(below=torch.stack(below), above=torch.stack(above))


def _shares(encoder: AlphaCLIP, looks: Float[Tensor, "t d"], texts: Float[Tensor, "k d"]) -> Float[Tensor, "t k"]:
    return classified(encoder, looks, texts, labels=("",) * len(looks)).shares.cpu()


def _one_pass(encoder: AlphaCLIP, scene: Scene) -> _Look:
    alphas = stack_alphas(scene.regions).to(encoder.device, torch.float32)
    rgb = colours_for(AlphaFocus(), scene.picture).to(encoder.device)

    def look(given: Float[Tensor, "t k"]) -> Float[Tensor, "t d"]:
        maps = (given.to(alphas)[:, :, None, None] * alphas).amax(dim=1)
        batches = [AlphaFocus().embed(encoder, rgb.expand(len(m), -1, -1, -1), m) for m in maps.split(BATCH)]
        return torch.cat(batches)

    return look


def _passes(encoder: AlphaCLIP, scene: Scene, focus: FocusStrategy) -> _Look:
    alphas = stack_alphas(scene.regions).to(encoder.device, torch.float32)
    rgb = colours_for(focus, scene.picture).to(encoder.device)
    looks = focus.embed(encoder, rgb.expand(len(alphas), -1, -1, -1), alphas)
    return lambda given: torch.stack([weighted_mean(looks, weights) for weights in given])


def wanted_below(levels: Float[Tensor, " r"], regions: int) -> Float[Tensor, " r"]:
    """The share that a region is to have at levels beside others at 1."""
    return levels / (levels + regions - 1)


def wanted_above(levels: Float[Tensor, " r"], regions: int) -> Float[Tensor, " r"]:
    """The share that a region at level 1 is to have beside others at levels."""
    return 1 / (1 + (regions - 1) * levels)


def fitted(responses: Sequence[Response], *, way: Way) -> LevelsCurve:
    """The monotone curve, from 0 to 1, with the least mean error of the shares; exact on the measured values.

    Args:
        responses: Of at least one picture.
        way: For which they were measured.
    """
    values = values_of(responses[0].below.shape[1])
    chosen = monotone_path(_costs(responses, values).double() + _NEARER * (values[:, None] - values).abs().double())
    levels = tuple(round(value, 6) for value in values.tolist())
    return LevelsCurve(way=way, levels=levels, values=tuple(levels[place] for place in chosen))


def _costs(responses: Sequence[Response], values: Float[Tensor, " t"]) -> Float[Tensor, "r t"]:
    """Mean error of the share where a level means the row and the column is given."""
    errors = []
    for response in responses:
        regions = len(response.below)
        for shares, wanted in ((response.below, wanted_below), (response.above, wanted_above)):
            errors.append((shares[:, None, :] - wanted(values, regions)[:, None]).abs())
    return torch.cat(errors).mean(dim=0)


def monotone_path(costs: Float[Tensor, "r t"]) -> list[int]:
    """For each row a column, never falling, from the first to the last, with the least sum of costs.

    Args:
        costs: At least two rows and columns.
    """
    rows, columns = costs.shape
    least = torch.full((columns,), torch.inf, dtype=costs.dtype)
    least[0] = costs[0, 0]
    before = []
    for row in range(1, rows):
        reached = least.cummin(dim=0)
        before.append(reached.indices)
        least = reached.values + costs[row]
    path = [columns - 1]
    for places in reversed(before):
        path.append(int(places[path[-1]]))
    return path[::-1]


def share_errors(response: Response, curve: LevelsCurve) -> Float[Tensor, " n"]:
    """How far shares are from the wanted, as each region goes from 0 to 1 beside others at a half.

    Args:
        response: Of one picture.
        curve: What is given for each level.

    Returns:
        One for each region and each of `SWEEP`.
    """
    regions, errors = len(response.below), []
    for level in SWEEP:
        is_below = level <= OTHERS
        ratio = level / OTHERS if is_below else OTHERS / level
        shares = response.below if is_below else response.above
        errors.append(_between(shares, curve.value(ratio)) - level / (level + OTHERS * (regions - 1)))
    return torch.cat(errors).abs()


def _between(shares: Float[Tensor, "k t"], value: float) -> Float[Tensor, " k"]:
    """Shares at a value between those that were measured."""
    place = value * (shares.shape[1] - 1)
    first = min(int(place), shares.shape[1] - 2)
    return torch.lerp(shares[:, first], shares[:, first + 1], place - first)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A curve, and what it brings."""

    curve: LevelsCurve
    """Fitted to all pictures."""
    before: float
    """Mean error of the share without it."""
    after: float
    """With it, on the pictures that it was fitted to."""
    left_out: float | None
    """With curves of the other pictures, on each; None where there is one picture alone."""


@checked
def calibrated(responses: Sequence[Response], *, way: Way) -> Calibration:
    """Fit a curve, and see what it brings, on the pictures themselves and on each as if it were new.

    Args:
        responses: Of the pictures, at least one.
        way: For which they were measured.

    Raises:
        InputError: No picture.
    """
    if not responses:
        raise InputError("Expected at least one picture to calibrate on, got none.")
    curve, apart = fitted(responses, way=way), []
    if len(responses) > 1:
        for index, response in enumerate(responses):
            others = [other for place, other in enumerate(responses) if place != index]
            apart.append(share_errors(response, fitted(others, way=way)))
    return Calibration(
        curve=curve,
        before=_mean([share_errors(response, identity(way)) for response in responses]),
        after=_mean([share_errors(response, curve) for response in responses]),
        left_out=_mean(apart) if apart else None,
    )


def _mean(errors: Sequence[Float[Tensor, " _"]]) -> float:
    return torch.cat(list(errors)).double().mean().item()
