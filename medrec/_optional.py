"""One way to reach an optional package: an absent one is named with its cure."""

from importlib import import_module
from types import ModuleType


def import_optional(name: str, *, feature: str, extra: str) -> ModuleType:
    """Import an optional package, or say what needs it and how to get it.

    Parameters
    ----------
    name : str
        The module to import, such as ``"cupy"``.
    feature : str
        What needs it, as the message's first words: ``"GPU metrics"``.
    extra : str
        The extra of medrec that brings it.

    Raises
    ------
    ImportError
        ``GPU metrics need 'cupy': pip install "medrec[gpu]"``

    Examples
    --------
    >>> import_optional("json", feature="Nothing", extra="none").__name__
    'json'
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f'{feature} need {name!r}: pip install "medrec[{extra}]"') from error
