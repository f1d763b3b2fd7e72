"""The forms a compressed matrix can take: each is a value that decodes itself and counts its own bits."""

from core.encoding.codes import FLOATS, Affine, Codebook, Coded, Rounded, code_counts
from core.encoding.forms import BYTES, Dense, Encoded, Form, Layout, bits
from core.encoding.gridded import Grid, Gridded, bare
from core.encoding.kept import Kept, narrowed
from core.encoding.packing import count_kept, masked, pack, spread, unpack
from core.encoding.product import Factored, LowRank, Tucker, keeps_to, leaves, removed_values, shape_of, stored_values
from core.encoding.sparse import Sparse, Stored

__all__ = [
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
    "Tucker",
    "bare",
    "bits",
    "code_counts",
    "count_kept",
    "keeps_to",
    "leaves",
    "masked",
    "narrowed",
    "pack",
    "removed_values",
    "shape_of",
    "spread",
    "stored_values",
    "unpack",
]
