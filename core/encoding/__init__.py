"""The forms a compressed matrix can take: each is a value that decodes itself and counts its own bits."""

from core.encoding.codes import Affine, Codebook, Coded, Rounded, code_counts
from core.encoding.forms import ANS, BYTES, FLOATS, Dense, Encoded, Form, Layout, Survey, bits, meaning
from core.encoding.gridded import Grid, Gridded, bare
from core.encoding.kept import Kept, narrowed
from core.encoding.masks import read_mask
from core.encoding.packing import count_kept, masked, pack, spread, unpack
from core.encoding.product import Factored, LowRank, Tucker, keeps_to, leaves, removed_values, shape_of, stored_values
from core.encoding.sparse import Sparse, Stored
from core.encoding.streams import read_codes

__all__ = [
    "ANS",
    "BYTES",
    "FLOATS",
    "Affine",
    "Codebook",
    "Coded",
    "Dense",
    "Encoded",
    "Factored",
    "Form",
    "Grid",
    "Gridded",
    "Kept",
    "Layout",
    "LowRank",
    "Rounded",
    "Sparse",
    "Stored",
    "Survey",
    "Tucker",
    "bare",
    "bits",
    "code_counts",
    "count_kept",
    "keeps_to",
    "leaves",
    "masked",
    "meaning",
    "narrowed",
    "pack",
    "read_codes",
    "read_mask",
    "removed_values",
    "shape_of",
    "spread",
    "stored_values",
    "unpack",
]
