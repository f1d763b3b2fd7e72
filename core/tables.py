"""A CSV file with a row for each example: numbers in its columns, and a target in one of them."""

from pathlib import Path

import numpy as np
import pandas as pd


def read(path: str, options: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (N, columns) float64 and targets (N,) of a CSV with a head line.

    options, which are taken out: `target`, the target's column, by default the last; `targets`, 'classes' or 'numbers',
    by default classes where the target holds texts or whole numbers. Texts are classes in alphabetical order.
    """
    table = _table(path)
    target = str(options.pop("target", table.columns[-1]))
    if target not in table.columns:
        names = ", ".join(map(str, table.columns))
        raise ValueError(f"data '{path}' has no column '{target}' for the target, its columns are {names}")
    asked = options.pop("targets", None)
    if asked not in (None, *MADE):
        raise ValueError(f"data '{path}': targets is {asked!r}, expected one of {', '.join(MADE)}")
    inputs = table.drop(columns=target)
    for column in table:
        if table[column].isna().any():
            row = int(table[column].isna().to_numpy().argmax()) + 2  # the head line is the first
            raise ValueError(f"data '{path}': line {row} has no value in column '{column}', expected one")
    for column in inputs:
        if inputs[column].dtype.kind not in "uifb":
            raise ValueError(f"data '{path}': column '{column}' holds {inputs[column].iloc[0]!r}, expected numbers")
    values = table[target]
    made = asked or ("numbers" if values.dtype.kind == "f" and (values % 1 != 0).any() else "classes")
    return inputs.to_numpy(np.float64), MADE[made](values, path)


def _table(path: str) -> pd.DataFrame:
    if not Path(path).is_file():
        raise ValueError(f"data '{path}': no such file")
    try:
        table = pd.read_csv(path, low_memory=False)
    except Exception as error:  # a broken file makes pandas raise almost anything
        line = f"{error}".strip().partition("\n")[0]
        raise ValueError(f"data '{path}' cannot be read ({line}); expected a CSV with a head line") from None
    if table.shape[1] < 2 or not len(table):
        rows, columns = table.shape
        raise ValueError(f"data '{path}' has {rows} rows and {columns} columns, expected inputs and a target")
    return table


def _classes(values: pd.Series, path: str) -> np.ndarray:
    if values.dtype.kind in "uifb" and not (values % 1 != 0).any() and abs(values).max() < 2**31:
        return values.to_numpy(np.int64)
    return np.unique(values.astype(str).to_numpy(dtype=str), return_inverse=True)[1]


def _numbers(values: pd.Series, path: str) -> np.ndarray:
    if values.dtype.kind not in "uifb":
        raise ValueError(f"data '{path}': the target holds {values.iloc[0]!r}, expected numbers")
    return values.to_numpy(np.float64)


MADE = {"classes": _classes, "numbers": _numbers}
