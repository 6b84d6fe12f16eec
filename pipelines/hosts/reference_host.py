"""What a host of reference pictures is: the record that a file of this folder fills in for each kind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gencontrol.pipelines.references.reference import Call, Encoded
from gencontrol.regions.geometry import Geometry

Takes = Literal["embedding", "penultimate", "last", "redux", "picture"]
"""What of a reference a host takes: the encoder's pooled embedding; its tokens (`hidden_states[-2]`, or the last); the
last through a Redux embedder; or the picture itself, with a bias on its tokens."""
Negative = Literal["zeros", "zero_pixels", "black", "own"]
"""What guidance departs from: zeros in the condition's place, the encoding of normalised zero pixels, that of a black
picture, or something of the host's own."""
Rows = Literal["masks", "rows", "loop"]
"""How a reference for each of several outputs gets in: all in one, chosen by masks; as rows of a batch; or not at all,
one call each, since stock code mixes rows without a word."""


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """Where weights are published, and under which terms."""

    repository: str
    """Hub id."""
    file: str | None = None
    """Path in it; None is a saved pipeline, or a saved model."""
    encoder_folder: str | None = None
    """Folder of the vision tower in it, where the file's own folder holds another."""
    revision: str | None = None
    """Branch or pull request that has safetensors, where the main branch has a pickle only."""
    variant: str | None = None
    """Which of several sets of weights in it: "fp16" is half as much to fetch."""
    size_mb: float | None = None
    """About how much is fetched, in megabytes: seen, or counted from the parameters; None where nobody has looked."""
    licence: str
    """Its name."""
    restriction: str | None = None
    """What users must know before they fetch it."""


@dataclass(frozen=True, kw_only=True)
class StockCall:
    """What a host's stock call takes beside references, and what it calls that."""

    prompt: Literal["taken", "needed", "none"] = "taken"
    """Whether it takes a text, and whether it means anything without."""
    negative_prompt: bool = True
    """Whether it takes a text to keep away from."""
    steps: str = "num_inference_steps"
    """What it calls the number of steps."""
    guidance: str = "guidance_scale"
    """What it calls the scale of guidance."""
    guidance_scale: float = 7.5
    """That suits it, for callers who name none."""
    distilled: bool = False
    """Whether that scale is a number which the denoiser reads, instead of classifier-free guidance."""
    true_guidance: bool = False
    """Whether it takes classifier-free guidance beside that, as `true_cfg_scale`."""
    sized: bool = True
    """Whether it takes a height and a width."""
    side: int | None = None
    """Of the output in pixels, unless said; None where the denoiser's settings say it."""
    multiple: int = 8
    """Of which its output's sides are multiples: others are refused in the middle of a call by stock code, or rounded
    without a word."""
    most_side: int | None = None
    """Of the output in pixels; None where nothing but memory bounds it."""
    repeats: bool = True
    """Whether it can draw several outputs of a prompt that comes embedded."""


@dataclass(frozen=True, kw_only=True)
class ReferenceHost:
    """A kind of stock pipeline that takes a reference through a public argument, and one of its checkpoints."""

    name: str
    """What users call it."""
    pipelines: tuple[str, ...]
    """Stock diffusers classes whose call takes the arguments; the first one is opened."""
    saved_as: tuple[str, ...] = ()
    """Further classes that its base may be saved as, since they have the same parts."""
    encoder: str
    """What its checkpoint was trained with, such as "ViT-H/14"."""
    siglip: bool = False
    """Whether that is a SigLIP, instead of a CLIP."""
    takes: Takes
    """What of a reference it takes."""
    width: int | None = None
    """Of the embedding or of a token; None where the host takes pictures."""
    negative: Negative
    """What guidance departs from, unless there is a negative region."""
    geometry: Geometry = field(default_factory=Geometry)
    """How references are brought to the encoder."""
    grid: int = 8
    """Pixels of the output along a side for each cell of its finest map, or for each token."""
    resolutions: tuple[tuple[int, int], ...] = ()
    """(height, width) to one of which it brings the pictures it takes, that of the nearest shape; none is any."""
    most_pixels: int | None = None
    """Up to which it takes pictures as they are; larger ones are scaled down."""
    least_side: int = 1
    """Of the pictures it takes, in pixels."""
    most_aspect: float | None = None
    """Up to which it takes pictures: their longer side beside the shorter; None is any."""
    canvas_masks: bool = False
    """Whether a reference can be kept to a part of the canvas."""
    weights: bool = False
    """Whether a reference can be given a weight without changing the pipeline."""
    schedules: bool = False
    """Whether that weight can change over the steps."""
    several: bool = False
    """Whether one output can have several references."""
    rows: Rows
    """How each of several outputs gets a reference of its own."""
    call: StockCall = field(default_factory=StockCall)
    """What its stock call takes beside references."""
    proven: Literal["small", "widths", "shape"] = "small"
    """Of which size the components were, with random weights, that tests run its stock call on: small ones, ones of its
    real widths with fewer blocks, or its real shape."""
    half: Literal["float16", "bfloat16"] = "float16"
    """The 16-bit number format that it was made for."""
    tower: PublishedWeights | None = None
    """Its vision tower; None where the host takes pictures, or the adapter is a pipeline that holds it."""
    adapter: PublishedWeights | None = None
    """Its adapter; None where the host takes references by itself."""
    prior: PublishedWeights | None = None
    """The pipeline that makes embeddings of texts, with which its condition can be mixed; None where that makes no
    sense."""
    base: PublishedWeights
    """The pipeline's own weights."""

    @property
    def mixes_text(self) -> bool:
        """Whether its condition is an embedding that can be mixed with what a prior makes of a text."""
        return self.prior is not None


Arguments = Callable[[ReferenceHost, Sequence[Encoded], Call], dict[str, Any]]
"""From references as the host takes them to keyword arguments of its stock call."""


@dataclass(frozen=True, kw_only=True)
class ReferenceFamily:
    """What one file of this folder says: a kind of entry, and its checkpoints."""

    hosts: tuple[ReferenceHost, ...]
    """Known checkpoints."""
    arguments: Arguments
    """How references enter."""
