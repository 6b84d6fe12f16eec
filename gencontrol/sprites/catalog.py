"""What the sprite world is made of: concepts with names, and emoji sets with versions, checksums and licences."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import yaml

from gencontrol.configuration import read_yaml
from gencontrol.errors import ConfigError

_PLAIN_NAME = re.compile(r"[^\W_A-Z]+( [^\W_A-Z]+)*")
"""Words as the sprite world's tokenizer leaves them: it lowers letters and splits at everything else."""


@dataclass(frozen=True, kw_only=True)
class Concept:
    """A thing that has a name and one picture per style."""

    slug: str
    """Iconify slug in the `noto` set; other sets agree but for hyphens."""
    names: tuple[str, ...]
    """The name, then its synonyms; lower-case words."""
    category: str = ""
    """Unicode's group in `noto`'s metadata, such as "Food & Drink"."""

    @property
    def name(self) -> str:
        """The first of the names."""
        return self.names[0]


@dataclass(frozen=True, kw_only=True)
class SpriteSet:
    """One emoji set, which is one drawing style."""

    style: str
    """Short name of the style; the npm package is `@iconify-json/STYLE`."""
    version: str
    """Pinned version of the npm package."""
    sha512: str
    """SHA-512 of the package's tarball, base64 as npm prints it."""
    licence: str
    """SPDX identifier."""
    credit: str
    """Author and address, for the model card."""
    held_out: bool = False
    """Never used in training."""
    further: bool = False
    """Trained on beside the known styles, of which results are quoted; it may lack concepts."""

    @property
    def package(self) -> str:
        """The npm package's name."""
        return f"@iconify-json/{self.style}"

    @property
    def tarball(self) -> str:
        """The file name that `npm pack` gives."""
        return f"iconify-json-{self.style}-{self.version}.tgz"


SPRITE_SETS: tuple[SpriteSet, ...] = (
    SpriteSet(
        style="fluent-emoji",
        version="1.2.7",
        sha512="D8G6bKAyIsyxP1rzZtIWr/gg/fO4Rg1+DyCWlfqKK4h8W+4Em/Y0P6QYgJUQTlUcagzJvSyg+9OBv4hz4Hc/QA==",
        licence="MIT",
        credit="Fluent Emoji, Microsoft Corporation, github.com/microsoft/fluentui-emoji",
    ),
    SpriteSet(
        style="fluent-emoji-flat",
        version="1.2.6",
        sha512="RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw==",
        licence="MIT",
        credit="Fluent Emoji, Microsoft Corporation, github.com/microsoft/fluentui-emoji",
    ),
    SpriteSet(
        style="noto",
        version="1.2.9",
        sha512="DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
        licence="Apache-2.0",
        credit="Noto Emoji, Google Inc, github.com/googlefonts/noto-emoji",
    ),
    SpriteSet(
        style="noto-v1",
        version="1.2.5",
        sha512="/DsVMius69Q0fRS53z7QK1TROSuar606jiIx+laXtdsYGMXpf6LtHBx6CGfoo3UHHb/XpBsw+1L1x3eyPqMuVA==",
        licence="Apache-2.0",
        credit="Noto Emoji, Google Inc, github.com/googlefonts/noto-emoji",
    ),
    SpriteSet(
        style="twemoji",
        version="1.2.5",
        sha512="uKpuIEV0v6K5BW3Mjdyl+XKFVAbbcPxAgifKvEMtZoUZB5+YiY5zaMm2uNNCxyXzAWU9yNLlj41WU6/mvgALsw==",
        licence="CC-BY-4.0",
        credit="Twemoji, Twitter Inc and contributors, github.com/jdecked/twemoji",
    ),
    SpriteSet(
        style="emojione",
        version="1.2.3",
        sha512="T9+T3HIbJNLKKsmxYKlaYhvnHYkz/HNYTV7SHCXVZPfeUi4FqskY70YeN8yYAZT8cCv7w5vJxS4Q1m8zb9CMMg==",
        licence="CC-BY-4.0",
        credit="EmojiOne 2.3 as EmojiTwo, github.com/EmojiTwo/emojitwo",
    ),
    SpriteSet(
        style="fluent-emoji-high-contrast",
        version="1.2.6",
        sha512="esqhZPpkrF7sNX3NsLoh8KW64okEr/bzko7WNnFP+qTJGAqDPDYjp0925yxuivXy3HtVQB8xhIKu3+Nq1byX5w==",
        licence="MIT",
        credit="Fluent Emoji, Microsoft Corporation, github.com/microsoft/fluentui-emoji",
        further=True,
    ),
    SpriteSet(
        style="emojione-monotone",
        version="1.2.1",
        sha512="cZSNcPsuiAD6HCzCh/2dYKGh3pNI0jJlxBxQWfC33cQsPtqYZqulGBvlkThXYNvDl8VxgVHT9u+izyX/yeEIkA==",
        licence="CC-BY-4.0",
        credit="EmojiOne 2.3 as EmojiTwo, github.com/EmojiTwo/emojitwo",
        further=True,
    ),
    SpriteSet(
        style="streamline-emojis",
        version="1.2.4",
        sha512="iNr9T9XuZVTyQPJO8ZlLxBzPkpi7qMl+z1l0C31vpEMqhPMelth3n7CeWQYtixdetDPdI81yeG4ROqjWpYJE6A==",
        licence="CC-BY-4.0",
        credit="Streamline Emojis, Streamline, github.com/webalys-hq/streamline-vectors",
        further=True,
    ),
    SpriteSet(
        style="fxemoji",
        version="1.2.2",
        sha512="UAasRaxzFUKfIGSmLwnoarsssA4LX0VLLuEmplIqM6ZNQqIQRtav8tZ4H1neTlBreXuMQyAifr5jP4kn78DpiQ==",
        licence="Apache-2.0",
        credit="FxEmojis, Mozilla, github.com/mozilla/fxemoji",
        held_out=True,
    ),
)
"""All sets, the held-out one last."""

COPIED_STYLES: tuple[str, ...] = (
    "noto:flat",
    *(f"{style}:{way}" for style in ("noto", "twemoji", "emojione") for way in ("outlined", "lines", "wire")),
    *(f"{style}:{way}" for style in ("fluent-emoji-flat", "noto-v1") for way in ("outlined", "lines")),
)
"""Further styles made from the known sets' own SVG, see `svg_copies`."""


def credit_lines() -> str:
    """Whose drawings training sees, a line each, as their licences ask for."""
    return "\n".join(f"- {s.credit} ({s.licence}, {s.package} {s.version})" for s in SPRITE_SETS if not s.held_out)


def training_styles() -> tuple[str, ...]:
    """The known styles: training sees them, every concept has a drawing in each, and results are quoted for them."""
    return tuple(s.style for s in SPRITE_SETS if not (s.held_out or s.further))


def further_styles() -> tuple[str, ...]:
    """Styles that training may see beside the known ones; they may lack concepts."""
    return tuple(s.style for s in SPRITE_SETS if s.further)


def held_out_styles() -> tuple[str, ...]:
    """The styles that only tests see."""
    return tuple(s.style for s in SPRITE_SETS if s.held_out)


def load_concepts(path: Path | None = None) -> tuple[Concept, ...]:
    """The concepts of a YAML file that maps slugs to lists of names; the shipped list by default.

    Raises:
        ConfigError: No such file, a concept without a name or with one that the tokenizer would not read as it is
            written, or two concepts with one name.
    """
    listed = read_yaml(path) if path else yaml.safe_load(_shipped_concepts())
    if not listed:
        raise ConfigError(f"{path} lists no concepts; expected lines such as `red-apple: [apple]`.")
    concepts = tuple(_concept(slug, names) for slug, names in listed.items())
    _check_distinct(concepts)
    return concepts


def vocabulary(concepts: Sequence[Concept]) -> dict[str, int]:
    """Every name and synonym -> the concept's index."""
    return {name: index for index, concept in enumerate(concepts) for name in concept.names}


def with_categories(concepts: Sequence[Concept], categories: Mapping[str, str]) -> tuple[Concept, ...]:
    """The concepts with their category filled in from slug -> category."""
    return tuple(Concept(slug=c.slug, names=c.names, category=categories.get(c.slug, "")) for c in concepts)


def _shipped_concepts() -> str:
    return (files("gencontrol.configs") / "sprites" / "concepts.yaml").read_text(encoding="utf-8")


def _concept(slug: str, names: object) -> Concept:
    if not isinstance(names, list) or not names or not all(isinstance(n, str) and n for n in names):
        raise ConfigError(f"Concept {slug!r}: expected a list of names, got {names!r}.")
    odd = [name for name in names if not _PLAIN_NAME.fullmatch(name)]
    if odd:
        raise ConfigError(f"Concept {slug!r}: expected names of lower-case words with single spaces, got {odd[0]!r}.")
    return Concept(slug=slug, names=tuple(names))


def _check_distinct(concepts: Sequence[Concept]) -> None:
    owner: dict[str, str] = {}
    for concept in concepts:
        for name in concept.names:
            if name in owner:
                raise ConfigError(f"The name {name!r} belongs to both {owner[name]!r} and {concept.slug!r}.")
            owner[name] = concept.slug
