"""What the page offers to look at: the command line's own model and data, the samples, and what a session uploaded."""

import argparse
import shlex
import sys
from dataclasses import replace
from functools import cache, lru_cache

import sample_models
from core import receiving, sources
from core.loading import Data, Loaded
from core.receiving import DATA, WEIGHTS
from core.sources import FLAGS, Sources
from dashboard import uploads

TAKEN = ("model", "weights", "data", "preprocess", "metric", "device")
START = "digits_cnn"


@cache
def arguments() -> argparse.Namespace:
    """What stands behind `--` on the command line: the user's own model and data, named as `python -m core` does.

    trouble: a sentence, told on the terminal too, about what cannot be meant, and then nothing of it is; '' otherwise.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in TAKEN:
        parser.add_argument(f"--{name}", **FLAGS[name])
    try:
        found, unknown = parser.parse_known_args(sys.argv[1:])
        trouble = _trouble(found, unknown)
    except argparse.ArgumentError as error:
        trouble = f"{error}"
    if trouble:
        found, trouble = parser.parse_args([]), f"the command line is left out: {trouble}"
        tell(trouble)
    return argparse.Namespace(**vars(found), trouble=trouble)


def _trouble(found: argparse.Namespace, unknown: list[str]) -> str:
    given = [name for name in TAKEN for text in sys.argv[1:] if text.partition("=")[0] == f"--{name}"]
    twice = next((name for name in given if given.count(name) > 1), None)
    nothing = next((name for name in TAKEN if vars(found)[name] == ""), None)
    uploaded = next((name for name in ("model", "data") if (vars(found)[name] or "").startswith(uploads.PREFIX)), None)
    try:
        " ".join(sys.argv).encode()
    except UnicodeEncodeError:
        return "it holds bytes that are no text in UTF-8"
    if uploaded:
        return f"--{uploaded} names '{vars(found)[uploaded]}', which is no file; upload it in Model"
    if unknown:
        return f"'{unknown[0]}' is no option of the page, expected {', '.join(f'--{name}' for name in TAKEN)}"
    if twice:
        return f"--{twice} is given twice, keep one of them"
    if nothing:
        return f"--{nothing} names nothing, expected {FLAGS[nothing]['help']}"
    if found.weights and not found.model:
        return f"--weights names '{found.weights}', but --model is missing, the network that it has the values for"
    return ""


@lru_cache(maxsize=64)
def tell(sentence: str) -> None:
    """Say something on the terminal, once."""
    print(" ".join(sentence.split()), file=sys.stderr)


def models() -> tuple[str, ...]:
    """The models that the page offers: this session's uploads, then the command line's own."""
    own = arguments().model
    samples = tuple(sample_models.SAMPLES)
    uploaded = tuple(each.name for each in uploads.mine(WEIGHTS) if not each.alone)
    return uploaded + (samples if own is None or own in samples else (own, *samples))


def model_words() -> dict[str, str]:
    """How each model reads in the picker."""
    return {name: uploads.short(name) for name in models()}


def data_sets() -> tuple[str, ...]:
    """The data sets that the page offers: this session's uploads, then the command line's own."""
    own = arguments().data
    known = tuple(sample_models.DATA)
    return tuple(each.name for each in uploads.mine(DATA)) + (known if own is None or own in known else (own, *known))


def data_words() -> dict[str, str]:
    """How each data set reads in the picker."""
    known = sample_models.DATA
    online = {name for name in known if known[name].online}
    return {name: f"{name} (online)" if name in online else uploads.short(name) for name in data_sets()}


def data_of(model: str) -> str:
    """What a model is measured on at first."""
    found = uploads.find(model)
    if found is not None:
        return data_of(found.base)
    if model == (arguments().model or START) and arguments().data:
        return arguments().data
    return sample_models.SAMPLES[model].data if model in sample_models.SAMPLES else next(iter(sample_models.DATA))


def base_of(model: str) -> str:
    """The model that a name's values are for: itself, but of an upload the one that it has the weights for."""
    found = uploads.find(model)
    return model if found is None else found.base


def says_something() -> bool:
    """Whether the command line names anything."""
    return any(vars(arguments()).values())


def load_model(model: str, weights: str | None = None) -> Loaded:
    """A model that the page offers, to be measured where the command line says."""
    found = uploads.find(model)
    named = Sources(model, weights) if found is None else Sources(found.base, str(found.path))
    return sources.model_of(replace(named, device=arguments().device))


def load_data(data: str) -> Data:
    """A data set that the page offers, with the metric that the command line says; its own is prepared as it says."""
    found = uploads.find(data)
    named = Sources("", preprocess=_preprocess(data), metric=arguments().metric)
    if found is None:
        images = sources.images_of(named, data)
    else:
        images = receiving.data(found.path, sources.prepared(found.preprocess))
    return replace(images, metric=sources.metric_of(named))


def _preprocess(data: str) -> tuple[str, ...]:
    own = data == (arguments().data or data_of(arguments().model or START))
    return tuple(arguments().preprocess or ()) if own else ()


def as_options(named: tuple[str, str | None], data: str) -> str:
    """A model with its weights file, and data, as the command line takes them; of uploads what their files are called.

    named: the model and its weights file.
    """
    model, images = uploads.find(named[0]), uploads.find(data)
    values = {"model": (named[0],), "weights": (named[1],), "data": (uploads.short(data),)}
    if model is not None:
        values |= {"model": (model.base,), "weights": (model.title,)}
    values["preprocess"] = _preprocess(data) if images is None else images.preprocess
    values |= {"metric": (arguments().metric,), "device": (arguments().device,)}
    given = {name: [each for each in texts if each] for name, texts in values.items()}
    return " ".join(f"--{name} {shlex.join(texts)}" for name, texts in given.items() if texts)


def about(model: str) -> str:
    """What a model is, in a sentence; '' for a stranger's."""
    return sample_models.SAMPLES[model].about if model in sample_models.SAMPLES else ""
