"""What the page offers to look at: the command line's own model and data, and the samples."""

import argparse
import sys
from functools import cache

import sample_models


@cache
def arguments() -> argparse.Namespace:
    """What stands behind `--` on the command line: the user's own model and data."""
    parser = argparse.ArgumentParser(prog="streamlit run dashboard/app.py --")
    parser.add_argument("--model", help="a sample's name, package.module:factory, or a weights file")
    parser.add_argument("--weights", help="a file with the values for the model")
    parser.add_argument("--data", help="a data set's name, package.module:factory, or an .npz")
    return parser.parse_known_args(sys.argv[1:])[0]


def models() -> tuple[str, ...]:
    """The models that the page offers: the command line's own first."""
    own = arguments().model
    samples = tuple(sample_models.SAMPLES)
    return samples if own is None or own in samples else (own, *samples)


def data_sets() -> tuple[str, ...]:
    """The data sets that the page offers: the command line's own first."""
    own = arguments().data
    known = tuple(sample_models.DATA)
    return known if own is None or own in known else (own, *known)


def data_words() -> dict[str, str]:
    """How each data set reads in the picker."""
    known = sample_models.DATA
    return {name: f"{name} (online)" if name in known and known[name].online else name for name in data_sets()}


def data_of(model: str) -> str:
    """What a model is measured on at first."""
    if model == arguments().model and arguments().data:
        return arguments().data
    return sample_models.SAMPLES[model].data if model in sample_models.SAMPLES else data_sets()[0]


def about(model: str) -> str:
    """What a model is, in a sentence; '' for a stranger's."""
    return sample_models.SAMPLES[model].about if model in sample_models.SAMPLES else ""
