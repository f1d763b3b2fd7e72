"""What becomes of a file that a person hands over: taken whole, or refused in a sentence with nothing changed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import streamlit as st

from core import compress, receiving, sources
from core.layer import layers
from core.receiving import DATA, RECIPE, WEIGHTS
from core.recipe import Recipe
from dashboard import offers, state, uploads, words, work
from dashboard.state import Position
from dashboard.uploads import Upload


@dataclass(frozen=True)
class Handed:
    """A file as the browser sent it. preprocess: what a person typed to have data prepared."""

    kind: str
    name: str
    content: bytes
    preprocess: str = ""


def receive(handed: Handed) -> None:
    """Take a file and stand where it is used; a sentence says what came of it."""
    try:
        said = TAKERS[handed.kind](handed)
    except Exception as error:  # a stranger's file may make the libraries that read it raise anything
        st.session_state.pop("received", None)
        why = f"{error}".rstrip(".") if isinstance(error, ValueError | OSError) else f"it failed with {error!r}"
        state.complain(f"'{receiving.plain_name(handed.name)}' was not taken: {why}.")
        return
    state.complain("")
    st.session_state["received"] = (handed.kind, said)


def said(kind: str) -> str:
    """What came of the last file, where it was of that kind; '' otherwise."""
    of, sentence = st.session_state.get("received", ("", ""))
    return sentence if of == kind else ""


def _weights(handed: Handed) -> str:
    here = state.position()
    base = _base(here)

    def made(path: Path) -> Upload:
        found = receiving.fit(path, base)
        return Upload(uploads.named(path), WEIGHTS, path, found.base, alone=not found.base, why=found.why)

    def use(upload: Upload) -> None:
        if not upload.alone:
            _stand(_with_weights(here, upload, base))

    upload = _taken(handed, made, use)
    if upload.alone:
        return f"{upload.title} fits no model that this page knows. It is listed below and can be compressed as it is."
    return f"{upload.base} runs with the weights of {upload.title} now."


def _base(here: Position) -> str:
    """The model that uploaded weights are tried on first."""
    base = offers.base_of(state.named(here.model)[0])
    return state.studio_of(here).study.loaded.name if Path(base).is_file() else base


def _with_weights(here: Position, upload: Upload, base: str) -> Position:
    """The same recipe where the model is the same; another model stands dense on its own data."""
    if upload.base == base:
        return replace(here, model=upload.name)
    return Position(upload.name, offers.data_of(upload.base), Recipe(), plot=here.plot)


def _data(handed: Handed) -> str:
    here, texts = state.position(), tuple(handed.preprocess.split())

    def made(path: Path) -> Upload:
        receiving.data(path, sources.prepared(texts))
        return Upload(uploads.named(path), DATA, path, preprocess=texts)

    upload = _taken(handed, made, lambda upload: _stand(replace(here, data=upload.name)))
    studio = state.studio_of(state.position())
    images = len(studio.study.bench.targets)
    return f"{studio.study.loaded.name} is measured on {words.count(images)} images of {upload.title} now."


def _recipe(handed: Handed) -> str:
    if len(handed.content) > receiving.LIMITS[RECIPE]:
        raise ValueError(f"recipe: {len(handed.content)} bytes, expected {receiving.LIMITS[RECIPE]} at most")
    found = receiving.recipe(handed.content)
    loaded = state.studio_of(state.position()).study.loaded
    compress.check(found, layers(loaded.model))
    notes = []
    if found.model.get("sha256", loaded.sha256) != loaded.sha256:
        notes.append(f"It was made for other weights, of '{found.model.get('name', '?')[:40]}'.")
    if found.recovered:
        notes.append("A training made good what it lost; this is the recipe without the training.")
    state.choose_recipe(replace(found, model={}, recovered={}))
    return " ".join(["The page stands at the recipe now: every view shows what it does.", *notes])


def _taken(handed: Handed, made: Callable[[Path], Upload], use: Callable[[Upload], None]) -> Upload:
    """The upload once it is read and in use; where either fails its file is gone again and the session as it was."""
    path = receiving.placed(uploads.folder_for(len(handed.content)), handed.kind, (handed.name, handed.content))
    try:
        upload = made(path)
        uploads.keep(upload)
        use(upload)
    except BaseException:
        _forget(path)
        raise
    _own().paths.append(path)
    _let_go(upload)
    return upload


def _stand(there: Position) -> None:
    """Settle at a position that can be measured; ValueError where it cannot."""
    compress.check(there.recipe, state.studio_of(there).study.known)
    state.settle(there)


def _let_go(newest: Upload) -> None:
    """Delete the oldest uploads of a kind that are too many, but none that the session stands at."""
    here = state.position()
    mine = uploads.mine(newest.kind)
    spare = [each for each in mine if each.name not in (here.model, here.data, newest.name)]
    for old in spare[: max(0, len(mine) - uploads.EACH)]:
        _forget(old.path)


def _forget(path: Path) -> None:
    """Delete an upload with all that was made of it."""
    name = uploads.named(path)
    uploads.remove(path)
    work.forget(name)
    for built in [built for built in uploads.BUILT if name in (built[0][0], built[1])]:
        uploads.BUILT.remove(built)
        state.studio.clear(*built)


@dataclass(frozen=True)
class Own:
    """The files of a session."""

    paths: list[Path] = field(default_factory=list)


def _end(own: Own) -> None:
    for path in own.paths:
        _forget(path)


@st.cache_resource(scope="session", on_release=_end)
def _own() -> Own:
    return Own()


TAKERS = {WEIGHTS: _weights, DATA: _data, RECIPE: _recipe}
