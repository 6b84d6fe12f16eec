"""The models that a process keeps open: one host, one encoder with its text tower, and one language model."""

from typing import Any

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.models.fingerprint import fingerprint
from gencontrol.models.location import Location
from gencontrol.runs.answers.opening import open_answerer
from gencontrol.runs.answers.settings import AnswerSettings
from gencontrol.runs.asked import ask_host
from gencontrol.runs.opening import open_encoder, open_host
from gencontrol.runs.plan import Plan
from gencontrol.runs.samplers import make_sampler
from gencontrol.runs.settings import EncoderSettings, VariationSettings
from gencontrol.tasks.llava.model import RegionLlava


class Kept:
    """Holds what was opened last; another model takes its place before it is opened, so that there is one in memory."""

    def __init__(self) -> None:
        self._host: tuple[Any, Any] = (None, None)
        self._encoder: tuple[Any, Any] = (None, None)
        self._llava: tuple[Any, Any] = (None, None)

    def open(self, settings: VariationSettings) -> None:
        """Open the host that settings name; for its errors see `ask_host` and `open_host`."""
        how: Any = {"revision": settings.revision, "offline": settings.offline}
        asked = ask_host(settings.model, settings.alpha_clip, **how)
        self._opened(asked.model, asked.encoder, dtype=settings.dtype, device=settings.device, offload=settings.offload)

    def host(self, plan: Plan) -> Any:
        """The plan's host with the plan's sampler, opened unless it is."""
        how: Any = {"dtype": plan.dtype, "device": plan.device, "offload": plan.offload}
        pipeline, sampler = self._opened(plan.model, plan.encoder, **how)
        pipeline.scheduler = make_sampler(plan.sampler, sampler)
        if plan.pointing.curve is not None:
            # The curve goes into the tower's configuration, where the next run would find it.
            self._host = (None, None)
        return pipeline

    def _opened(self, model: Location, encoder: Location | None, **how: Any) -> Any:
        # A model that is trained anew in its folder is another one.
        prints = tuple(fingerprint(place) for place in (model, encoder) if place is not None)
        key = (model, encoder, prints, tuple(sorted(how.items())))
        if self._host[0] != key:
            self._host = (None, None)
            pipeline = open_host(model, encoder, **how)
            pipeline.set_progress_bar_config(disable=True)
            self._host = (key, (pipeline, dict(pipeline.scheduler.config)))
        return self._host[1]

    def encoder(self, settings: EncoderSettings) -> AlphaCLIP:
        """The encoder that settings name, opened unless it is; for its errors see `open_encoder`."""
        names = ("model", "revision", "alpha_clip", "fit", "dtype", "device")
        key = tuple(getattr(settings, name) for name in names)
        if self._encoder[0] != key:
            self._encoder = (None, None)
            self._encoder = (key, open_encoder(settings))
        return self._encoder[1]

    def llava(self, settings: EncoderSettings) -> RegionLlava:
        """The language model of the package, where settings compute; for its errors see `open_answerer`."""
        key = (settings.dtype, settings.device)
        if self._llava[0] != key:
            self._llava = (None, None)
            self._llava = (key, open_answerer(AnswerSettings(dtype=settings.dtype, device=settings.device)))
        return self._llava[1]
