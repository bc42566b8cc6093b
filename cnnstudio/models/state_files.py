"""Reading weights from a file that somebody else made: tensors and nothing else, whatever the file holds."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import torch
from safetensors import safe_open
from safetensors.torch import load as from_safetensors
from torch import Tensor
from torch.serialization import skip_data

from cnnstudio.core.errors import InputError

_ZIP: Final = b"PK\x03\x04"
_BEFORE_1_6: Final = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how torch began its files until version 1.6
_LENGTH: Final = 8  # bytes before each storage in such a file, which tell how many numbers follow
_WRAPPERS: Final = ("state_dict", "model_state_dict", "model")  # under which training programs keep the weights
_PREFIXES: Final = ("module.", "_orig_mod.", "model.")  # of DataParallel, torch.compile and Lightning
_REMEDY: Final = "choose a safetensors file, or a file that torch.save made of a network's state_dict()"


def read_state(path: Path, *, remedy: str = _REMEDY, shapes_only: bool = False) -> dict[str, Tensor]:
    """Read a state dict from a safetensors file or a file of `torch.save`; code in it is never run.

    What training programs wrap around the tensors is taken off: other entries beside `state_dict` or `model`, and
    prefixes such as `module.` that all keys share.

    Args:
        path: The file; its content, not its name, tells its kind.
        remedy: What to do if it cannot be read.
        shapes_only: Leave the numbers on the disk: tensors are on the meta device, and neither time nor memory goes
            by the size of the file. Numbers that are damaged go unseen.

    Returns:
        At least one dense tensor on the CPU, by key, without gradients.

    Raises:
        InputError: There is no such file, it is damaged, or it holds anything else.
    """
    try:
        tree = _read_shapes(path) if shapes_only else _read(path)
        if isinstance(tree, Mapping):
            tree = next((tree[name] for name in _WRAPPERS if isinstance(tree.get(name), Mapping)), tree)
        state = _tensors(tree)
    except _UnusableError as error:
        raise InputError(f"the weights cannot be read: {error}", where=path, remedy=remedy) from error
    for prefix in _PREFIXES:
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    return {key: tensor.to("meta") for key, tensor in state.items()} if shapes_only else state


class _UnusableError(Exception):
    """Says why a file is no state dict."""


def _read(path: Path) -> object:
    kind = _kind(path)
    with _damage():
        if kind == "safetensors":
            # On Windows nobody could replace a file that is mapped; the reader's order is another one every time.
            return dict(sorted(from_safetensors(path.read_bytes()).items()))
        return torch.load(path, map_location="cpu", weights_only=True)


def _read_shapes(path: Path) -> object:
    """Return what `_read` returns, with tensors whose numbers are not there, or on the disk until they are let go."""
    kind = _kind(path)
    with _damage():
        if kind == "safetensors":
            with safe_open(path, framework="pt") as tensors:
                return {key: tensors.get_tensor(key) for key in sorted(tensors.keys())}
        if kind == "zip":
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        with path.open("rb") as file, skip_data():
            tree = torch.load(file, map_location="cpu", weights_only=True)
            left = path.stat().st_size - file.tell()
        if left < sum(_LENGTH + size for size in _storages(tree).values()):
            raise EOFError
        return tree


def _kind(path: Path) -> Literal["safetensors", "zip", "before_1_6"]:
    try:
        with path.open("rb") as file:
            start = file.read(len(_BEFORE_1_6))
    except OSError as error:
        raise _UnusableError("it is a folder" if path.is_dir() else (error.strerror or str(error)).lower()) from error
    if not start:
        raise _UnusableError("the file is empty")
    if start[8:9] == b"{":  # after the length of the header
        return "safetensors"
    if start.startswith(_ZIP):
        return "zip"
    if start.startswith(_BEFORE_1_6):
        return "before_1_6"
    raise _UnusableError("it is neither a safetensors file nor one of torch.save")


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # all readers raise nearly anything when a file is damaged
        found = re.search(r"Unsupported global: GLOBAL (\w\S*)", str(error))
        code = f"it holds {found[1]}, which is code and could do anything when it is loaded" if found else ""
        raise _UnusableError(code or "it is damaged, or holds no weights") from error


def _storages(tree: object) -> dict[int, int]:
    """Return how many bytes each storage takes up, by an identity that shared ones have in common."""
    if isinstance(tree, Tensor):
        storage = tree.untyped_storage()
        return {storage.data_ptr(): storage.nbytes()}
    parts = tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list | tuple) else ()
    return {key: size for part in parts for key, size in _storages(part).items()}


def _tensors(tree: object) -> dict[str, Tensor]:
    if not isinstance(tree, Mapping):
        raise _UnusableError(f"it holds an object of type {type(tree).__name__}, which is no state dict")
    for key, value in tree.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise _UnusableError(f"its entry {key!r} is of type {type(value).__name__} and no tensor")
        if value.layout != torch.strided or value.is_quantized or value.is_meta:
            raise _UnusableError(f"its tensor {key} is sparse, quantised or without content")
    if not tree:
        raise _UnusableError("it holds no tensors")
    return {key: tensor.detach() for key, tensor in tree.items()}
