"""GLIP, on stock parts: the grounder that the published region-text pairs were made with."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.proposals.glip.config import CONFIGS as CONFIGS
    from gencontrol.proposals.glip.config import GlipConfig as GlipConfig
    from gencontrol.proposals.glip.grounder import GlipGrounder as GlipGrounder
    from gencontrol.proposals.glip.model import Glip as Glip
    from gencontrol.proposals.glip.opening import open_glip_file as open_glip_file
    from gencontrol.proposals.glip.opening import open_glip_folder as open_glip_folder
    from gencontrol.proposals.glip.opening import save_glip as save_glip
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "CONFIGS": "gencontrol.proposals.glip.config",
            "Glip": "gencontrol.proposals.glip.model",
            "GlipConfig": "gencontrol.proposals.glip.config",
            "GlipGrounder": "gencontrol.proposals.glip.grounder",
            "open_glip_file": "gencontrol.proposals.glip.opening",
            "open_glip_folder": "gencontrol.proposals.glip.opening",
            "save_glip": "gencontrol.proposals.glip.opening",
        },
    )
