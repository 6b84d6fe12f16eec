"""The method's settings: every one that `ns-train --help` lists is documented."""

import ast
import dataclasses
import inspect
import itertools
import textwrap
from typing import Any

import pytest

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")


def ours(value: Any) -> list[type]:
    """The settings class of a value and those within it, of this package."""
    if not dataclasses.is_dataclass(value) or not type(value).__module__.startswith("gencontrol"):
        return []
    within = (ours(getattr(value, field.name)) for field in dataclasses.fields(value))
    return [type(value), *itertools.chain.from_iterable(within)]


def undocumented(cls: type) -> list[str]:
    """Fields without a docstring below."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(body, ast.ClassDef)
    fields = [
        (ast.unparse(field.target), isinstance(below, ast.Expr))
        for field, below in itertools.pairwise([*body.body, ast.Pass()])
        if isinstance(field, ast.AnnAssign)
    ]
    return [f"{cls.__name__}.{name}" for name, documented in fields if not (documented or name.startswith("_"))]


def test_every_field_is_documented() -> None:
    from gencontrol.nerf.method.entry import trainer_config

    config: Any = trainer_config()
    roots = (
        config.pipeline,
        config.pipeline.model,
        config.pipeline.datamanager,
        config.optimizers["field"]["scheduler"],
    )
    classes = [cls for root in roots for cls in ours(root)]
    assert {"SteeredPipelineConfig", "Orbit", "Augmentation", "ViewPrompts", "FloatDecayConfig"} <= {
        cls.__name__ for cls in classes
    }
    assert [name for cls in classes for name in undocumented(cls)] == []


def test_a_missing_docstring_is_found() -> None:
    @dataclasses.dataclass
    class Bad:
        a: int = 0
        """Said."""
        b: int = 0

    assert undocumented(Bad) == ["Bad.b"]


@pytest.mark.parametrize(
    "name", ["SteeredModelConfig", "SteeredDataManagerConfig", "FloatDecayConfig", "SteeredPipelineConfig"]
)
def test_settings_alone_set_up_nothing_and_say_which_do(name: str) -> None:
    from gencontrol.errors import ConfigError
    from gencontrol.nerf.method import config

    with pytest.raises(ConfigError, match=rf"A {name} made alone .*`gencontrol.nerf.method.entry`.*trainer_config"):
        getattr(config, name)().setup(device="cpu")
