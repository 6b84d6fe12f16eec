"""How long it takes to start: import, `--help`, and what `gencontrol vary` spends outside the host's own work.

    python -m benchmarks.start [MODEL]

Each figure is the median of fresh processes, in seconds, on the machine as it is: run it on an idle one. Beside
`gencontrol vary` stands a stock diffusers script that draws as many pictures with the same weights in as many steps;
"outside" is the process's time less that of its pipeline call (encoding, steps, decoding), and the last row divides
ours by theirs. MODEL is `tiny` by default. Unset PYTHONDONTWRITEBYTECODE, or every process compiles gencontrol's own
modules anew.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tyro
from tyro.conf import Positional

EXAMPLES = Path(__file__).parents[1] / "examples"
REPEATS = 5
COUNT, STEPS = 4, 25

STOCK = """
import json, sys, time
import torch
from diffusers import StableDiffusionImageVariationPipeline
from PIL import Image

folder, picture, output, count, steps = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
pipeline = StableDiffusionImageVariationPipeline.from_pretrained(folder, dtype=torch.float32, safety_checker=None)
pipeline.set_progress_bar_config(disable=True)
image = Image.open(picture).convert("RGB")
started = time.monotonic()
images = pipeline(image, num_images_per_prompt=count, num_inference_steps=steps, guidance_scale=3.0).images
drawing = time.monotonic() - started
for index, image in enumerate(images):
    image.save(f"{output}/{index}.png")
print(json.dumps({"drawing_seconds": drawing}))
"""


def wall(command: list[str]) -> tuple[float, str]:
    """Wall-clock seconds and standard output of a process."""
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout


def median_wall(command: list[str]) -> float:
    """Median over fresh processes; one more runs first, to fill the disk cache."""
    return statistics.median([wall(command)[0] for _ in range(REPEATS + 1)][1:])


def median_outside(command: list[str]) -> tuple[float, float]:
    """Medians of the whole and of what is not drawing, for a command that prints JSON with `drawing_seconds`."""
    times = []
    for _ in range(REPEATS + 1):
        whole, printed = wall(command)
        times.append((whole, whole - json.loads(printed)["drawing_seconds"]))
    wholes, outsides = zip(*times[1:], strict=True)
    return statistics.median(wholes), statistics.median(outsides)


def python(code: str, *arguments: str) -> list[str]:
    """A fresh interpreter that runs the code."""
    return [sys.executable, "-P", "-c", code, *arguments]


def main(model: Positional[str] = "tiny") -> None:
    """Measure and print two tables.

    Args:
        model: A preset, or a folder in the layout of `tiny`.
    """
    from gencontrol.models.registry import resolve

    command = str(Path(sys.executable).with_name("gencontrol"))
    light = {
        "python -c pass": python("pass"),
        "import gencontrol": python("import gencontrol"),
        "gencontrol --help": [command, "--help"],
        "gencontrol vary --help": [command, "vary", "--help"],
        "import torch": python("import torch"),
        "import diffusers' stock pipeline": python("from diffusers import StableDiffusionImageVariationPipeline"),
    }
    print(f"{'':34}{'seconds':>8}")
    for name, line in light.items():
        print(f"{name:34}{median_wall(line):8.3f}")
    picture, mask = str(EXAMPLES / "scene.png"), str(EXAMPLES / "scene-mask.png")
    with tempfile.TemporaryDirectory() as output:
        flags = ["--existing", "overwrite", "--format", "json", "--offline", "--model", model, "-o", output]
        vary = [command, "vary", picture, "--mask", mask, "-n", str(COUNT), "--steps", str(STEPS), *flags]
        stock = python(STOCK, str(resolve(model)), picture, output, str(COUNT), str(STEPS))
        times = {"stock diffusers, no region": median_outside(stock), "gencontrol vary": median_outside(vary)}
    print(f"\n{f'{COUNT} pictures, {STEPS} steps, {model}':34}{'whole':>8}{'outside':>9}")
    for name, (whole, outside) in times.items():
        print(f"{name:34}{whole:8.2f}{outside:9.2f}")
    whole, outside = (ours / theirs for theirs, ours in zip(*times.values(), strict=True))
    print(f"{'times stock diffusers':34}{whole:8.2f}{outside:9.2f}")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
