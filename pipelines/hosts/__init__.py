"""The hosts: one file for each kind of pipeline, and their registry."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.pipelines.hosts.host import Host as Host
    from gencontrol.pipelines.hosts.host import HostFamily as HostFamily
    from gencontrol.pipelines.hosts.host import SavedPipeline as SavedPipeline
    from gencontrol.pipelines.hosts.registry import HOSTS as HOSTS
    from gencontrol.pipelines.hosts.registry import REGISTRY as REGISTRY
    from gencontrol.pipelines.hosts.registry import Registered as Registered
    from gencontrol.pipelines.hosts.registry import host_of as host_of
    from gencontrol.pipelines.hosts.registry import is_host as is_host
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "HOSTS": "gencontrol.pipelines.hosts.registry",
            "Host": "gencontrol.pipelines.hosts.host",
            "HostFamily": "gencontrol.pipelines.hosts.host",
            "REGISTRY": "gencontrol.pipelines.hosts.registry",
            "Registered": "gencontrol.pipelines.hosts.registry",
            "SavedPipeline": "gencontrol.pipelines.hosts.host",
            "host_of": "gencontrol.pipelines.hosts.registry",
            "is_host": "gencontrol.pipelines.hosts.registry",
        },
    )
