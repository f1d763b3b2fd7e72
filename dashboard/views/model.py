"""Model: what is loaded, what can be done with each of its parameters, and a person's own weights, data and recipe."""

import streamlit as st

from core.receiving import DATA, LIMITS, MB, RECIPE, SUFFIXES, UNPACKED, WEIGHTS
from core.recipe import Recipe, to_json
from dashboard import incoming, inventory, lonely, offers, panels, state, terms, words
from dashboard.incoming import Handed
from dashboard.uploads import Upload

BEAT = 0.7  # seconds between two looks at what is being compressed
KINDS = {
    WEIGHTS: ("Weights", "For {base}, or for a sample: safetensors, or a checkpoint that holds tensors alone."),
    DATA: ("Data", "Arrays x and y as .npz; unpacked {unpacked} MB at most. Bytes are pixels, taken to 0 … 1."),
    RECIPE: ("Recipe", "recipe.json of this page or of the command line, for the model that is loaded."),
}


def page() -> None:
    """The whole view: what is loaded beside what can be brought in."""
    panels.trouble()
    here = state.position()
    studio = state.studio_of(here)
    with st.container(key="ps-model"):
        st.markdown(f"### {words.plain(inventory.title(studio.study))}")
        _pickers()
        st.markdown(inventory.about(studio, here))
        st.html(inventory.model_tables(studio.study))
        for note in studio.study.loaded.notes:
            st.markdown(words.plain(note))
        st.markdown("### Bring your own")
        for column, kind in zip(st.columns(3, gap="medium"), KINDS, strict=True):
            with column:
                _uploader(kind)
        upload = lonely.newest()
        if upload is not None:
            st.fragment(_alone, run_every=BEAT if _running(upload) else None)(upload, _running(upload))


def _pickers() -> None:
    here, (left, right) = state.position(), st.columns(2, gap="medium")
    with left:
        model = _picker("Model", offers.model_words(), here.model)
    with right:
        data = _picker("Images it is measured on", offers.data_words(), here.data)
    if model != here.model:
        state.choose_model(model)
        st.rerun()
    if data != here.data:
        state.choose_data(data)
        st.rerun()


def _picker(label: str, known: dict[str, str], now: str) -> str:
    """A select whose key tells what it stood at: it must not remember what was chosen elsewhere."""
    names = list(known)
    return st.selectbox(label, names, names.index(now), format_func=known.get, key=f"{label} from {now}")


def _uploader(kind: str) -> None:
    """One file of a kind: as soon as it is there it is taken or refused, and the place for the next is empty."""
    label, about = KINDS[kind]
    base = offers.base_of(state.named(state.position().model)[0])
    st.html(f"<p><b>{label}</b><br>{terms.marked(about.format(base=base, unpacked=UNPACKED // MB))}</p>")
    typed = st.text_input("How images are prepared, before you choose the file", "", **PREPARE) if kind == DATA else ""
    turn = st.session_state.setdefault("turns of uploads", 0)
    most = max(1, LIMITS[kind] // MB)
    file = st.file_uploader(
        f"{label}, {most} MB at most",
        [suffix.removeprefix(".") for suffix in SUFFIXES[kind]],
        key=f"{kind} {turn}",
        max_upload_size=most,
        label_visibility="collapsed",
    )
    if file is not None:
        st.session_state["turns of uploads"] = turn + 1
        incoming.receive(Handed(kind, file.name, file.getvalue(), typed))
        st.rerun()
    if incoming.said(kind):
        st.success(words.plain(incoming.said(kind)))


def _alone(upload: Upload, beating: bool) -> None:
    st.markdown(f"### {words.plain(upload.title)} without its network")
    st.markdown(inventory.alone(upload))
    st.code(inventory.command(upload), language="bash", wrap_lines=True)
    st.html(lonely.tables(upload))
    asked = _asked(upload)
    job = lonely.find(upload, asked)
    if job is not None and job.trouble:
        st.error(words.plain(f"It was not compressed: {job.trouble[0].rstrip('.')}."))
    if job is None or job.trouble:
        if st.button("Compress", type="primary"):
            lonely.begin(upload, asked)
            st.rerun()
    elif not job.events:
        st.markdown("Compressing matrix by matrix …")
    else:
        (found,) = job.events
        st.markdown(lonely.said(found))
        st.download_button("Download", *found.bundle, on_click="ignore", key="download alone")
    if _running(upload) != beating:
        st.rerun()


def _asked(upload: Upload) -> Recipe:
    """What two controls say, or the recipe that was given in their place."""
    found = lonely.taken_recipe(upload)
    if found is None:
        left, right = st.columns(2, gap="medium")
        removed = left.slider("Prune", 0.0, 99.0, 50.0, 1.0, format="%.0f %%", key="alone removed")
        width = right.selectbox("Bits of the weights that stay", list(lonely.WIDTHS), 4, key="alone width")
        _recipe_place(upload)
        return lonely.recipe(removed, width)
    st.markdown("As your recipe says:")
    st.code(to_json(found), language="json", height=200)
    if st.button("Set it by hand instead"):
        lonely.leave_recipe()
        st.rerun()
    return found


def _recipe_place(upload: Upload) -> None:
    """A recipe file in place of the controls: taken at once, or refused in a sentence."""
    turn = st.session_state.setdefault("turns of uploads", 0)
    label = f"Or a recipe.json for these weights, {LIMITS[RECIPE] // MB} MB at most"
    file = st.file_uploader(label, ["json"], key=f"alone recipe {turn}", max_upload_size=LIMITS[RECIPE] // MB)
    if file is not None:
        st.session_state["turns of uploads"] = turn + 1
        try:
            lonely.take_recipe(upload, file.getvalue())
        except ValueError as error:
            state.complain(words.plain(f"The recipe was not taken: {f'{error}'.rstrip('.')}."))
        st.rerun()


def _running(upload: Upload) -> bool:
    held = st.session_state
    by_hand = lonely.recipe(held.get("alone removed", 50.0), held.get("alone width", list(lonely.WIDTHS)[4]))
    job = lonely.find(upload, lonely.taken_recipe(upload) or by_hand)
    return job is not None and job.running


PREPARE = {"placeholder": "mean=0.1307 std=0.3081, or nothing", "key": "preprocess", "max_chars": 200}
