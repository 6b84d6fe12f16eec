"""The hosts: one file for each kind of pipeline, and their registry."""

from gencontrol.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "HOSTS": "gencontrol.pipelines.hosts.registry",
        "REGISTRY": "gencontrol.pipelines.hosts.registry",
        "Host": "gencontrol.pipelines.hosts.host",
        "HostFamily": "gencontrol.pipelines.hosts.host",
        "Registered": "gencontrol.pipelines.hosts.registry",
        "SavedPipeline": "gencontrol.pipelines.hosts.host",
        "host_of": "gencontrol.pipelines.hosts.registry",
        "is_host": "gencontrol.pipelines.hosts.registry",
    },
)
