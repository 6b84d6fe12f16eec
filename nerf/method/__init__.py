"""The nerfstudio method `alphaclip-nerf`: its settings, data, model and what happens around its steps."""

from gencontrol.lazy import lazy_exports

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
