"""A folder as the Hugging Face Hub expects it: config.json, the weights, a model card with the measured figures."""

import json
import re
from pathlib import Path

import safetensors.torch
from torch import Tensor

from core.exporters.format import Exporter, Keep
from core.exporters.page import COLOURS, Row, as_applied, bars, figures, headline
from core.exporters.states import PLAIN, filled, plain_safetensors, run
from core.exporters.subject import Subject

CARD = """---
library_name: pytorch
tags: [compressed, prunescope]
---

# {name}, compressed

| what | figure |
|---|---|
{figures}

![Bytes of each layer, dense and stored](layers.svg)

{colours}

| layer | shape | removed | bits a weight | bytes |
|---|---|---|---|---|
{layers}

`model.safetensors` holds the decoded weights under the model's own names; `compressed.safetensors` is the encoded file,
which `read_prunescope.py` decodes with numpy alone. The recipe is in `config.json`.

```python
from safetensors.torch import load_file

model.load_state_dict(load_file("model.safetensors"))
```
"""


def folder(subject: Subject) -> dict[str, bytes]:
    """config.json, model.safetensors, README.md, layers.svg, and the encoded file with its reader."""
    with as_applied():
        found = figures(subject)
        told = {"README.md": _card(found).encode(), "layers.svg": bars(found["layers"]).encode()}
        made = {key: found[key] for key in ("recipe", "sha256", "versions")}
    model = subject.study.loaded.model
    own = getattr(getattr(model, "config", None), "to_dict", dict)()
    config = {"architectures": [type(model).__name__]} | own
    config["prunescope"] = made
    return (
        plain_safetensors(subject)
        | told
        | {
            "config.json": json.dumps(config, indent=1, default=str).encode(),
            "compressed.safetensors": subject.files["model.safetensors"],
            READER.name: READER.read_bytes(),
        }
    )


def _card(found: Row) -> str:
    cells = "\n".join(f"| {name} | {_text(value)} |" for name, value in headline(found))
    layers = "\n".join(
        f"| {_text(row['layer'])} | {_text(row['shape'])} | {row['sparsity']:.1%} | {row['bits_per_weight']:.2f} "
        f"| {row['bytes']:,} |"
        for row in found["layers"]
    )
    return CARD.format(name=_text(found["model"]["name"]), figures=cells, layers=layers, colours=COLOURS)


def _text(value: str) -> str:
    """What Markdown shows as these letters in one line, whatever a model or a layer is called."""
    return re.sub(r"([\\`*\[\]|<>~])", r"\\\1", " ".join(value.split()))


def _answers(subject: Subject, path: Path) -> Tensor:
    return run(subject, filled(subject, safetensors.torch.load_file(path / "model.safetensors")))


READER = Path(__file__).with_name("read_prunescope.py")
KEPT = Keep(True, "decoded in model.safetensors, as it is stored in compressed.safetensors")
HUB = {
    "huggingface": Exporter(
        "a folder for the Hugging Face Hub, with a model card of the measured figures",
        "huggingface",
        dict.fromkeys(PLAIN, KEPT)
        | {"inputs": Keep(False, "lost in model.safetensors, kept in compressed.safetensors")},
        folder,
        _answers,
    )
}
