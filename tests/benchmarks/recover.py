"""What training gives back, and what a step of it costs.

python -m tests.benchmarks.recover steps [--turns 10]
    time of a fine-tuning step, times that of a plain one; processor time of one thread, both in turns
python -m tests.benchmarks.recover samples [--steps 600]
    95 % of every layer removed: as it is, compensated (refitted layer after layer), distilled without labels,
    fine-tuned
python -m tests.benchmarks.recover vit [--steps 2000]
    digits_vit at 2 bits a weight, quantization-aware, beside dense
python -m tests.benchmarks.recover lenet [--only NAME] [--variant 0 ...] [--held] [--mnist FOLDER] [--out FOLDER]
    LeNets pruned and trained in rounds on the MNIST training images, the 10,000 test images looked at once; bytes of
    the whole file; --mnist, or the variable PRUNESCOPE_MNIST, names the folder of mnist_train.npz and mnist_test.npz
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from core import exporting, pipeline, training
from core.cascade import cascade, paired_moments
from core.encoding import Dense, Encoded, Sparse
from core.loading import Data, Loaded, load_data, load_model
from core.pipeline import Applied, encoded_by
from core.recipe import Recipe, Settings, to_json
from core.training import Kept, Options, Task, course
from core.training.images import chance
from sample_models import SAMPLES
from tests.benchmarks.lenets import LENETS

RECIPES = {
    "pruned 0.9": Settings(sparsity=0.9),
    "pruned 0.9, 4 bits": Settings(sparsity=0.9, bits=4),
    "2 bits": Settings(bits=2),
    "4 bits": Settings(bits=4),
    "kmeans, 4 bits": Settings(bits=4, coder="kmeans"),
    "pruned 0.5, kmeans": Settings(sparsity=0.5, bits=4, coder="kmeans"),
}


def steps(options: argparse.Namespace) -> None:
    """Median time of a fine-tuning step, times that of a plain step of the same network; both in turns."""
    print(f"{'sample':<16}{'recipe':<22}{'plain ms':>10}{'times plain':>13}   quartiles")
    for name in SAMPLES:
        data, loaded = load_data(SAMPLES[name].data), load_model(name)
        for what, settings in RECIPES.items():
            chosen = Options(augment="none")
            task = training.task(loaded, data, Recipe(settings), chosen)
            ratios, plain = _ratios(task, chosen, options.turns)
            low, middle, high = statistics.quantiles(ratios, n=4)
            print(f"{name:<16}{what:<22}{1000 * plain:>10.2f}{middle:>13.2f}   {low:.2f} to {high:.2f}", flush=True)


def _ratios(task: Task, options: Options, turns: int) -> tuple[list[float], float]:
    mine, plain = _ours(task, options), _plain(task, options)
    pairs = [(_timed(mine), _timed(plain)) for _ in range(turns + 2)][2:]
    return [one / other for one, other in pairs], statistics.median(other for _, other in pairs)


def _timed(block: Callable[[], None]) -> float:
    started = time.thread_time()
    block()
    return time.thread_time() - started


REFITTED = 500  # images that survivors are refitted for
TOGETHER = 10  # steps: codes are looked up once in as many


def _ours(task: Task, options: Options) -> Callable[[], None]:
    way = course.Course(task, options)
    held = [course._begun(way)]

    def block() -> None:
        for _ in range(TOGETHER):
            held[0], _ = course._stepped(way, replace(held[0], step=held[0].step % options.steps), way.plan[0])

    return block


def _plain(task: Task, options: Options) -> Callable[[], None]:
    """AdamW of torch, as anyone would write it."""
    net = SAMPLES[task.study.loaded.name].build()
    net.load_state_dict(task.study.loaded.model.state_dict())
    optimizer = torch.optim.AdamW(net.train().parameters(), lr=1e-3)
    random = chance(0)

    def block() -> None:
        for _ in range(TOGETHER):
            rows = torch.randint(len(task.learn.y), (options.batch,), generator=random)
            loss = functional.cross_entropy(net(task.learn.x[rows]), task.learn.y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return block


def samples(options: argparse.Namespace) -> None:
    """Accuracy on images that nothing was chosen by, four ways; how much of fine-tuning's gain distillation has."""
    ways = ("plain", "compensated", "distilled", "fine-tuned")
    print(f"{'sample':<16}" + "".join(f"{way:>13}" for way in ("dense", *ways, "share")))
    for name in options.only or SAMPLES:
        loaded, data = load_model(name), load_data(SAMPLES[name].data)
        plain = Recipe(Settings(sparsity=0.95))
        made = training.task(loaded, data, plain, Options())
        found = [_accuracy(made, start) for start in (None, made.start, _compensated(made))]
        for alpha in (0.0, 1.0):
            found.append(_trained(loaded, (data, None), plain, Options(steps=options.steps or 600, alpha=alpha))[0])
        share = (found[3] - found[1]) / (found[4] - found[1])
        print(f"{name:<16}" + "".join(f"{100 * a:>13.2f}" for a in found) + f"{share:>13.2f}", flush=True)


def _compensated(task: Task) -> tuple[dict[str, Encoded], dict[str, Tensor]]:
    """Survivors refitted layer after layer, each for the inputs that the layers before it now give; without labels."""
    masks = {name: form.mask for name, form in task.start[0].items()}
    model, images = task.study.model, task.learn.x[:REFITTED]
    matrices = cascade(task.study.known, masks, lambda layer, changed: paired_moments(model, layer, changed, images))
    return {name: Sparse(masks[name], Dense(matrix)) for name, matrix in matrices.items()}, {}


def _accuracy(task: Task, start: tuple | None) -> float:
    """Of the dense model, or of encoded layers with the tensors beside them."""
    if start is None:
        start = (encoded_by(task.study, Recipe()), {})
    tally = pipeline.measure(task.study, pipeline.trained(task.study, Recipe(), *start))
    return tally.correct / tally.images


def _trained(loaded: Loaded, data: tuple[Data, Data | None], recipe: Recipe, options: Options) -> tuple[float, int]:
    """Accuracy and bytes of what training makes of a recipe."""
    task, made, _ = _recovered(loaded, data, recipe, options)
    tally = pipeline.measure(task.study, made)
    return tally.correct / tally.images, len(pipeline.files(task.study, task.recipe, made, tally)["model.safetensors"])


def _recovered(
    loaded: Loaded, data: tuple[Data, Data | None], recipe: Recipe, options: Options
) -> tuple[Task, Applied, float]:
    """What training makes of a recipe, and its accuracy on the images that it was chosen by."""
    task, kept = training.task(loaded, data[0], recipe, options, data[1]), Kept()
    for _ in training.recover(task, options, kept):
        pass
    return task, training.applied(task, kept.best[0]), kept.best[0].accuracy


def vit(options: argparse.Namespace) -> None:
    """Two bits a weight, no weight removed."""
    loaded, data = load_model("digits_vit"), load_data("digits")
    recipe, chosen = Recipe(Settings(bits=2)), Options(steps=options.steps or 2000, rate=0.005)
    task = training.task(loaded, data, recipe, chosen)
    dense, before = _accuracy(task, None), _accuracy(task, task.start)
    after, size = _trained(loaded, (data, None), recipe, chosen)
    print(f"digits_vit, 2 bits: dense {dense:.4f}, rounded {before:.4f}, trained {after:.4f}, {size:,} bytes")


def lenet(options: argparse.Namespace) -> None:
    """Error and times smaller, whole files; with --held of the held-out training images alone."""
    torch.set_num_threads(options.threads)
    test, train = (load_data(f"{options.mnist}/mnist_{part}.npz") for part in ("test", "train"))
    for name in options.only or LENETS:
        for number in options.variant:
            recipe, chosen = LENETS[name][number]
            begun, loaded = time.monotonic(), load_model(name)
            task, applied, held = _recovered(loaded, (test, train), recipe, chosen)
            files = _files(task, applied, options.held)
            if options.out:
                exporting.write_folder(options.out / f"{name}_{number}", files)
            size, dense = len(files["model.safetensors"]), pipeline.dense_bytes(task.study)
            error = "" if options.held else f"error {100 - 100 * json.loads(files['report.json'])['accuracy']:.2f} %, "
            print(
                f"{name}, variant {number}: {error}{100 * (1 - held):.2f} % on held-out training images, "
                f"{size:,} bytes, {dense / size:.1f} times smaller, {time.monotonic() - begun:.0f} s",
                flush=True,
            )


def _files(task: Task, applied: Applied, held: bool) -> dict[str, bytes]:
    """What is written of a recovered model; held: its weights and recipe, with nothing that was measured."""
    if not held:
        return pipeline.files(task.study, task.recipe, applied, pipeline.measure(task.study, applied))
    data = exporting.serialize(task.study.model, task.study.known, applied.encoded, applied.buffers)
    return {"model.safetensors": data, "recipe.json": to_json(task.recipe).encode()}


def main() -> None:
    """Runs the part that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--variant", type=int, nargs="*", default=[0])
    parser.add_argument("--held", action="store_true", help="leaves the test images alone")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mnist", type=Path, default=Path(os.environ.get("PRUNESCOPE_MNIST", SHARED)))
    parser.add_argument("--out", type=Path, help="folder for the folders of what is made")
    parser.add_argument("--only", nargs="*", help="samples")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    PARTS[chosen.part](chosen)


SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
PARTS = {"steps": steps, "samples": samples, "vit": vit, "lenet": lenet}

if __name__ == "__main__":
    main()
