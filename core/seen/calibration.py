"""One model with its calibration images, and each statistic of all its layers in one pass when first asked for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from core.metrics import task
from core.seen import channels, gradients, inputs, passes
from core.seen.channels import Channels
from core.seen.gradients import Gradients
from core.seen.inputs import Inputs, Ranges
from core.seen.patches import image_outputs
from core.seen.watching import Known, Use, weight_names


def _nobody(share: float) -> None:
    """Told the share done; keeps it to itself."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """A model in eval mode, what is known of its layers, and the images that it is to see.

    inputs: (N, ...) float32. targets: (N,) int64. seed: of the label shuffles. tell: told the share done of a running
    pass. A statistic by layer leaves out the layers that have none; `at` says why. Several uses of one weight count
    together. The model is never touched: no hooks, no .grad.
    """

    model: nn.Module
    known: tuple[Known, ...]
    inputs: Tensor
    targets: Tensor
    seed: int = 0
    tell: Callable[[float], None] = _nobody

    def __post_init__(self) -> None:
        if self.model.training:
            raise ValueError("calibration: the model is in training mode, expected it after model.eval()")
        if not len(self.inputs) or len(self.inputs) != len(self.targets):
            raise ValueError(
                f"calibration: {len(self.inputs)} images and {len(self.targets)} labels, expected at least one image "
                "and a label for each"
            )

    def at(self, name: str) -> "Seen":
        """What one layer sees; ValueError where the model has no such layer."""
        for layer in self.known:
            if layer.name == name:
                return Seen(self, layer)
        names = ", ".join(layer.name for layer in self.known)
        raise ValueError(f"calibration: layer '{name}' is not in the model, its layers are {names}")

    @cached_property
    def moments(self) -> dict[str, Tensor]:
        """Layer name -> E[x xᵀ] over images and positions, (groups, in, in), float64, undamped and not centred.

        x: what multiplies a row of the layer's matrix. Every position counts. Products are float32, of at most a
        batch of positions, so an entry is within about 1e-6 of the root of its two diagonal entries' product; they
        are added up in float64.
        """
        running = {layer.name: inputs.products(layer.groups, layer.matrix.shape[1]) for layer in self._multiplied}
        for _ in passes.forward(self._source(running), lambda use, _: inputs.add_products(running[use.layer], use)):
            pass
        return {name: inputs.moments(running.pop(name)) for name in tuple(running)}

    @cached_property
    def seen(self) -> dict[str, Inputs]:
        """Layer name -> means, squares and ranges of x, from a pass that costs little more than an evaluation."""
        running = {layer.name: inputs.sums(layer.groups, layer.matrix.shape[1]) for layer in self._multiplied}

        def visit(use: Use, images: int) -> None:
            inputs.add_sums(running[use.layer], use, images / len(self.inputs))

        for _ in passes.forward(self._source(running), visit):
            pass
        return {name: inputs.inputs(sums) for name, sums in running.items()}

    @property
    def means(self) -> dict[str, Tensor]:
        """Layer name -> E[x], (groups, in), float64."""
        return {name: seen.mean for name, seen in self.seen.items()}

    @property
    def ranges(self) -> dict[str, Ranges]:
        """Layer name -> what its inputs lie between."""
        return {name: seen.ranges for name, seen in self.seen.items()}

    @cached_property
    def gradients(self) -> dict[str, Gradients]:
        """Layer name -> E[g] and E[g²], g the gradient of one image's cross-entropy at its true label for the matrix.

        Each g is one image's alone, made exactly from the layer's inputs and the gradients of its outputs.
        """
        totals = {
            layer.name: gradients.running(layer.matrix.shape)
            for layer in self.known
            if not self.refusal(layer.name, multiplied=False)
        }
        for images, uses in passes.backward(self._source(totals), self._batch):
            for name, arrived in uses.items():
                gradients.add_gradients(totals[name], arrived, images)
        return {name: gradients.gradients(total, len(self.inputs)) for name, total in totals.items()}

    def per_sample(self, name: str, count: int | None = None) -> Iterator[Tensor]:
        """The gradients of the first `count` images for one layer's matrix, in chunks (n, out, in), float32."""
        self.require(name, multiplied=False)
        layer, source = self.at(name).layer, self._source([name])
        chosen = source._replace(inputs=source.inputs[:count], targets=source.targets[:count])
        for images, uses in passes.backward(chosen, self._batch):
            if name in uses:
                yield from gradients.image_gradients(uses[name], images)
            else:
                yield from (torch.zeros(1, *layer.matrix.shape) for _ in range(images))

    @cached_property
    def activations(self) -> dict[str, np.ndarray]:
        """Layer name -> the mean over positions of what leaves each output channel, by image, float64 (N, out)."""
        rows: dict[str, list[np.ndarray]] = {layer.name: [] for layer in self._multiplied}
        parts: dict[str, list[Tensor]] = {name: [] for name in rows}

        def visit(use: Use, images: int) -> None:
            parts[use.layer].append(image_outputs(use, use.outputs, images).flatten(1, 2).mean(-1, dtype=torch.float64))

        for _ in passes.forward(self._source(rows), visit, self._batch):
            for name, means in parts.items():
                if means:
                    rows[name].append(torch.stack(means).mean(0).numpy())
                    means.clear()
        return {name: np.concatenate(found) for name, found in rows.items()}

    @cached_property
    def channels(self) -> dict[str, Channels]:
        """Layer name -> entropy and information of its output channels, on one set of bins for the layer."""
        return {name: self.channel_figures(name, shared=True) for name in self.activations}

    def channel_figures(self, name: str, *, shared: bool) -> Channels:
        """Entropy and information of a layer's output channels, on `shared` bins or on each channel's own.

        Without a class label an image the information is 0.
        """
        self.require(name, multiplied=True)
        found = self.activations[name]
        if not np.isfinite(found).all():
            raise ValueError(
                f"layer '{name}': its outputs on the calibration images are not all finite; mend the model"
            )
        labelled = task(self.targets) == "classes"
        labels = self.targets.numpy() if labelled else np.zeros(len(found), np.int64)
        return channels.channels(found, labels, shared, self.seed)

    def require(self, name: str, *, multiplied: bool) -> None:
        """ValueError where a layer has no statistics. multiplied: where they are of inputs that meet its rows."""
        self.at(name)
        why = self.refusal(name, multiplied=multiplied)
        if why:
            raise ValueError(why)

    def refusal(self, name: str, *, multiplied: bool) -> str | None:
        """Why a layer has no statistics, in a sentence; None where it has."""
        return passes.refusal(self._survey, name, multiplied)

    def _source(self, names: object) -> passes.Source:
        chosen = {identity: name for identity, name in self._names.items() if name in names}
        return passes.Source(self.model, chosen, self.inputs, self.targets, self.tell)

    @cached_property
    def _names(self) -> dict[int, str]:
        return weight_names(self.model, self.known)

    @cached_property
    def _survey(self) -> passes.Survey:
        return passes.survey(self._source([layer.name for layer in self.known]))

    @cached_property
    def _multiplied(self) -> list[Known]:
        return [layer for layer in self.known if not self.refusal(layer.name, multiplied=True)]

    @cached_property
    def _batch(self) -> int:
        return passes.batch_size(self._source([layer.name for layer in self.known]))


@dataclass(frozen=True, eq=False)
class Seen:
    """What one layer sees. Every property is computed when first asked for, for all layers at once.

    ValueError where the layer has no such statistic, in a sentence that names it.
    """

    calibration: Calibration
    layer: Known

    @property
    def moments(self) -> Tensor:
        """E[x xᵀ], (groups, in, in), float64, undamped."""
        return self._asked(multiplied=True).moments[self.layer.name]

    @property
    def mean(self) -> Tensor:
        """E[x], (groups, in), float64."""
        return self._asked(multiplied=True).seen[self.layer.name].mean

    @property
    def square(self) -> Tensor:
        """E[x²], (groups, in), float64: the diagonal of the moments at a fraction of their cost."""
        return self._asked(multiplied=True).seen[self.layer.name].square

    @property
    def ranges(self) -> Ranges:
        """What the layer's inputs lie between."""
        return self._asked(multiplied=True).seen[self.layer.name].ranges

    @property
    def refusal(self) -> str | None:
        """Why nothing is known of inputs that multiply the layer's weight, in a sentence; None where they are known."""
        return self.refused(multiplied=True)

    @property
    def labelled(self) -> bool:
        """Whether each image has one class label."""
        return task(self.calibration.targets) == "classes"

    def refused(self, *, multiplied: bool) -> str | None:
        """The same; without `multiplied`, why not even gradients are known."""
        return self.calibration.refusal(self.layer.name, multiplied=multiplied)

    @property
    def gradients(self) -> Gradients:
        """E[g] and E[g²] of one image's gradient g, float32 (out, in)."""
        return self._asked(multiplied=False).gradients[self.layer.name]

    @property
    def channels(self) -> Channels:
        """Entropy and information of the output channels, on one set of bins."""
        return self._asked(multiplied=True).channels[self.layer.name]

    def per_sample(self, count: int | None = None) -> Iterator[Tensor]:
        """The gradients of the first `count` images, in chunks (n, out, in), float32."""
        return self.calibration.per_sample(self.layer.name, count)

    def _asked(self, *, multiplied: bool) -> Calibration:
        self.calibration.require(self.layer.name, multiplied=multiplied)
        return self.calibration
