"""What a person names as package.module:factory. It is code of this machine: from the command line only."""

import importlib
import threading


def imported(spec: str) -> object:
    """The object that `package.module:name` names; ValueError where it cannot be imported."""
    module, _, name = spec.rpartition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except BaseException as error:  # a module runs its own code, which may raise anything
        _require_told(error)
        raise ValueError(
            f"'{spec}' cannot be imported ({error!r}); run from the folder that holds the module"
        ) from None


def called(factory: object, spec: str) -> object:
    """What a factory gives without arguments; ValueError where it gives nothing."""
    try:
        return factory()
    except BaseException as error:  # as above
        _require_told(error)
        raise ValueError(f"'{spec}' cannot be called without arguments ({error!r})") from None


def _require_told(error: BaseException) -> None:
    """Raises again what a person at the terminal did, who gets through to the main thread alone."""
    if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
        raise error
