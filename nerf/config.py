"""The old place of `gencontrol.nerf.method.config`, which the `config.yml` of runs made by 0.1 name."""

from gencontrol.nerf.method.config import (
    FloatDecayConfig as FloatDecayConfig,
)
from gencontrol.nerf.method.config import (
    SteeredDataManagerConfig as SteeredDataManagerConfig,
)
from gencontrol.nerf.method.config import (
    SteeredModelConfig as SteeredModelConfig,
)
from gencontrol.nerf.method.config import (
    make_datamanager as make_datamanager,
)
from gencontrol.nerf.method.config import (
    make_model as make_model,
)
from gencontrol.nerf.method.config import (
    make_scheduler as make_scheduler,
)
