"""Every export of one compressed model: what it keeps, its bytes, how far its logits are off.

python -m tests.benchmarks.exports [--model digits_cnn]
"""

import argparse
import time

from core import exporters, pipeline
from core.exporters import EXPORTERS, FACETS, Subject
from core.loading import load_data, load_model
from core.recipe import Recipe, Settings

RECIPE = Recipe(Settings(sparsity=0.8, bits=4), {"fc1": {"rank": 0.25}, "conv1": {"sparsity": 0.0, "bits": 8}})


def subject(model: str) -> Subject:
    """The model with RECIPE carried out and measured on all images."""
    loaded = load_model(model)
    study = pipeline.study(loaded, load_data(loaded.data), RECIPE)
    applied = pipeline.apply(study, RECIPE)
    return Subject(study, applied, RECIPE, pipeline.files(study, RECIPE, applied, pipeline.measure(study, applied)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="digits_cnn")
    given = subject(parser.parse_args().model)
    print(f"| export | {' | '.join(FACETS)} | bytes | logits off by | by itself | seconds |")
    print(f"|---|{'---|' * (len(FACETS) + 4)}")
    for name, exporter in EXPORTERS.items():
        begin = time.perf_counter()
        _, checked = exporters.export(exporter, given)
        kept = " | ".join("yes" if exporter.keeps[facet].kept else "–" for facet in FACETS)
        usual = "" if checked.usual is None else f"{checked.usual:.2g}"
        seconds = time.perf_counter() - begin
        print(f"| `{name}` | {kept} | {checked.bytes:,} | {checked.difference:.1g} | {usual} | {seconds:.1f} |")


if __name__ == "__main__":
    main()
