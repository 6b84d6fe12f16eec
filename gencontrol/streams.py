"""Seeded streams of random numbers: what is drawn depends on a seed and a place, never on what was drawn before."""

import hashlib
from typing import Any

import torch

from gencontrol.errors import InputError
from gencontrol.numbers import is_number, number_text, plain_number

Generators = torch.Generator | list[torch.Generator] | None
"""One generator, one for each picture of a batch, or torch's own."""
# Steps are mixed into the seed with a large odd number, so that runs of neighbouring seeds share no draws.
_STRIDE = 1_000_003
# What torch takes; a large seed times the stride is beyond it.
_SEEDS = 2**64


def seeded(seed: Any) -> torch.Generator:
    """A generator of the CPU, so that a seed means the same numbers on every device.

    Args:
        seed: A whole number that torch takes, one of numpy's too.

    Raises:
        InputError: Another number, or none.
    """
    seed = plain_number(seed)
    if not isinstance(seed, int) or isinstance(seed, bool) or not -_SEEDS // 2 <= seed < _SEEDS:
        got = number_text(seed) if is_number(seed) else repr(seed)
        raise InputError(f"seed: expected a whole number from -2^63 to 2^64 - 1, got {got}.")
    return torch.Generator().manual_seed(seed)


def step_stream(seed: int, step: int) -> torch.Generator:
    """A generator for one step of a run: a resumed run draws what an undisturbed one would have drawn."""
    mixed = seed * _STRIDE + step
    return seeded(mixed % _SEEDS if mixed >= _SEEDS else mixed)


def stream(seed: int, index: int, domain: str) -> torch.Generator:
    """A generator for batch `index` of the stream `seed` in a domain; distinct arguments give unrelated streams."""
    digest = hashlib.sha256(f"{domain}/{seed}/{index}".encode()).digest()
    return seeded(int.from_bytes(digest[:7], "big"))


def per_picture(generator: Generators, count: int) -> Generators:
    """One generator for each picture of a batch.

    A single generator draws the first picture itself, which is so the picture that it would draw alone; the others get
    generators seeded from a copy of its state, one after another, so that picture i is the same in any larger batch.
    (Stock pipelines draw the whole batch from a single generator, interleaved at every step that adds noise.)

    Args:
        generator: One, a list of `count`, or None for torch's own.
        count: Pictures in the batch.

    Returns:
        None, a single generator for a single picture, or a list of `count`.

    Raises:
        InputError: A list of another length, or something else than generators.
    """
    if generator is None:
        return None
    given = generator if isinstance(generator, list) else [generator]
    if not all(isinstance(one, torch.Generator) for one in given):
        raise InputError(f"generator: expected a torch.Generator or a list of them, got {generator!r}.")
    if isinstance(generator, list):
        if len(generator) != count:
            raise InputError(
                f"Expected one generator or a list of {count}, one for each picture, got a list of {len(generator)}."
            )
        return generator
    if count == 1:
        return generator
    return [generator, *_children(generator, count - 1)]


def _children(generator: torch.Generator, count: int) -> list[torch.Generator]:
    source = torch.Generator(device=generator.device)
    source.set_state(generator.get_state())
    children = []
    for _ in range(count):
        seed = torch.randint(2**62, (), generator=source, device=generator.device, dtype=torch.int64)
        children.append(torch.Generator(device=generator.device).manual_seed(int(seed)))
    return children
