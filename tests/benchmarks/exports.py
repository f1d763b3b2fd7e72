"""Every export of a compressed model: what it keeps, its bytes under two recipes, how far its logits are off.

python -m tests.benchmarks.exports [--model digits_cnn]
"""

import argparse

from core import exporters, pipeline
from core.exporters import EXPORTERS, FACETS, Subject
from core.loading import load_data, load_model
from core.recipe import Recipe, Settings

CODED = Settings(sparsity=0.8, bits=4)
RECIPES = (Recipe(CODED), Recipe(CODED, {"fc1": {"rank": 0.25}}))


def subject(model: str, recipe: Recipe) -> Subject:
    """The model with a recipe carried out and measured on all images."""
    loaded = load_model(model)
    study = pipeline.study(loaded, load_data(loaded.data), recipe)
    applied = pipeline.apply(study, recipe)
    return Subject(study, applied, recipe, pipeline.files(study, recipe, applied, pipeline.measure(study, applied)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="digits_cnn")
    model = parser.parse_args().model
    given = [subject(model, recipe) for recipe in RECIPES]
    print(f"| export | {' | '.join(FACETS)} | bytes | with fc1 at rank 25 % | logits off by | by itself |")
    print(f"|---|{'---|' * (len(FACETS) + 4)}")
    for name, exporter in EXPORTERS.items():
        found = [exporters.export(exporter, each)[1] for each in given]
        kept = " | ".join("yes" if exporter.keeps[facet].kept else "–" for facet in FACETS)
        off = max(each.difference for each in found)
        usual = [each.usual for each in found if each.usual is not None]
        by_itself = f"{max(usual):.1g}" if usual else "–"
        print(f"| `{name}` | {kept} | {found[0].bytes:,} | {found[1].bytes:,} | {off:.1g} | {by_itself} |")


if __name__ == "__main__":
    main()
