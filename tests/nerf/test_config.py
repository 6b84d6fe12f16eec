"""The method's settings: every one documented."""

import ast
import itertools
from pathlib import Path

import pytest

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_every_field_is_documented() -> None:
    from gencontrol.nerf import config

    tree = ast.parse(Path(config.__file__).read_text(encoding="utf-8"))
    for cls in (config.SteeredModelConfig, config.SteeredDataManagerConfig, config.FloatDecayConfig):
        (body,) = (n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == cls.__name__)
        for field, below in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and not ast.unparse(field.target).startswith("_"):
                assert isinstance(below, ast.Expr), ast.unparse(field.target)
