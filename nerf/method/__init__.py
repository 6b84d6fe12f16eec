"""The nerfstudio method `alphaclip-nerf`: its settings, data, model and what happens around its steps."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.nerf.method.entry import METHOD as METHOD
    from gencontrol.nerf.method.entry import METHOD_HASH as METHOD_HASH
    from gencontrol.nerf.method.entry import hash_config as hash_config
    from gencontrol.nerf.method.entry import method as method
    from gencontrol.nerf.method.entry import method_hash as method_hash
    from gencontrol.nerf.method.entry import trainer_config as trainer_config
    from gencontrol.nerf.method.entry import variant as variant
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "METHOD": "gencontrol.nerf.method.entry",
            "METHOD_HASH": "gencontrol.nerf.method.entry",
            "hash_config": "gencontrol.nerf.method.entry",
            "method": "gencontrol.nerf.method.entry",
            "method_hash": "gencontrol.nerf.method.entry",
            "trainer_config": "gencontrol.nerf.method.entry",
            "variant": "gencontrol.nerf.method.entry",
        },
    )
