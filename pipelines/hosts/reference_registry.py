"""Every kind of host that takes reference pictures: a new one is a file beside this one, and a line here."""

from collections.abc import Mapping
from types import MappingProxyType

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError, PairingError
from gencontrol.models.registry import put_together
from gencontrol.pipelines.hosts.flux_adapter import FLUX_ADAPTER
from gencontrol.pipelines.hosts.flux_redux import FLUX_REDUX
from gencontrol.pipelines.hosts.flux_reference import FLUX_2, FLUX_KONTEXT
from gencontrol.pipelines.hosts.inpainting import FLUX_FILL, KONTEXT_INPAINT
from gencontrol.pipelines.hosts.kandinsky import KANDINSKY
from gencontrol.pipelines.hosts.karlo import KARLO
from gencontrol.pipelines.hosts.reference_host import ReferenceFamily, ReferenceHost
from gencontrol.pipelines.hosts.sd3_adapter import SD3_ADAPTER
from gencontrol.pipelines.hosts.unet_adapter import UNET_ADAPTER

FAMILIES: tuple[ReferenceFamily, ...] = (
    UNET_ADAPTER,
    FLUX_ADAPTER,
    FLUX_REDUX,
    FLUX_KONTEXT,
    FLUX_2,
    SD3_ADAPTER,
    KANDINSKY,
    KARLO,
)
"""Kinds of entry."""

REFERENCE_HOSTS: Mapping[str, ReferenceHost] = MappingProxyType(
    {host.name: host for family in FAMILIES for host in family.hosts}
)
"""Name -> record."""


def find_reference_host(name: str) -> ReferenceHost:
    """The host of that name.

    Raises:
        ConfigError: There is none; the message names the nearest.
    """
    if name not in REFERENCE_HOSTS:
        raise ConfigError(f"Unknown reference host {name!r}{nearest(name, REFERENCE_HOSTS)}")
    return REFERENCE_HOSTS[name]


def check_no_reference_host(name: str) -> None:
    """Refuse the name of a host of references, or of one for holes, where one saved pipeline or encoder is expected.

    Raises:
        PairingError: Says what to call.
    """
    if (message := put_together(name)) is not None:
        raise PairingError(message)


def check_no_painter(name: str) -> None:
    """Refuse the name of a host that is made for holes and has no sibling that draws whole pictures.

    Raises:
        PairingError: Says what to call.
    """
    if name not in REFERENCE_HOSTS and (message := put_together(name)) is not None:
        raise PairingError(message)


def family_of(host: ReferenceHost) -> ReferenceFamily:
    """The kind that a host is of: that whose classes its own are.

    Raises:
        ConfigError: A record for classes that no file here knows.
    """
    for family in (*FAMILIES, FLUX_FILL, KONTEXT_INPAINT):
        known = {(name, other.takes) for other in family.hosts for name in other.pipelines}
        if {(name, host.takes) for name in host.pipelines} & known:
            return family
    raise ConfigError(f"{host.name}: no kind of host here takes a reference into {', '.join(host.pipelines)}.")
