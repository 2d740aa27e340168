"""Rules for PyTorch: tensors by dtype, shape, device and content, modules by their class, parameters and attributes.

Strides, shared storage and the graph that computed a tensor do not count. Its gradient does, where it has one, and so
does `requires_grad`: a function may read either.
"""

from __future__ import annotations

from typing import Any

from memostore.keys.arrays import digest_array
from memostore.keys.encoding import Rule, Unkeyable, Walk, encode_tagged
from memostore.keys.libraries import ITSELF, added_attributes, encode_data
from memostore.keys.state import State, encode_instance, encode_object

__all__ = ["rule_for"]

INTEGERS = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}  # by bytes: NumPy knows these, and no bfloat16


def rule_for(base: type) -> Rule | None:
    """Return the rule of one of PyTorch's classes and of its subclasses, or None where a base may have one."""
    return BY_NAME.get(base.__qualname__)


def _tensor(value: Any) -> Walk:
    described = (str(value.dtype), tuple(value.shape), str(value.device), str(value.layout), value.requires_grad)
    return encode_data(
        b"X", type(value), "torch",
        (ITSELF, described), (ITSELF, _content(value.detach())),
        ((".grad", ""), value.grad if value.is_leaf else None),  # others warn
        ((".__dict__", ""), added_attributes(value, ())),
    )  # fmt: skip


def _content(tensor: Any) -> Any:
    """Return what stands for a tensor's content: a digest of its bytes, or the tensors that it is made of."""
    import torch  # type: ignore[import-not-found, unused-ignore]

    if tensor.is_quantized:
        raise Unkeyable("a quantized tensor can't be keyed: pass what dequantize() gives")
    if tensor.is_nested:
        return list(tensor.unbind())
    if tensor.layout is torch.sparse_coo:
        return _coordinates(tensor)
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return (tensor.crow_indices(), tensor.col_indices(), tensor.values())
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return (tensor.ccol_indices(), tensor.row_indices(), tensor.values())
    return None if tensor.is_meta else digest_array(_integers(tensor.to_dense()).numpy())


def _coordinates(tensor: Any) -> Any:
    """Return the entries in the order that `coalesce` gives them, unless that would sum some of them up."""
    ordered = tensor.coalesce()
    entries = ordered if ordered._nnz() == tensor._nnz() else tensor
    return (entries._indices(), entries._values())


def _integers(tensor: Any) -> Any:
    """Return a tensor's bits in the machine's memory, as integers of the same width, in place where they are there."""
    import torch

    tensor = tensor.cpu().resolve_conj().resolve_neg()
    if tensor.dtype is torch.complex128:
        tensor = torch.view_as_real(tensor)
    return tensor.view(getattr(torch, INTEGERS[tensor.element_size()]))


def _module(value: Any) -> Walk:
    kind: Any = type(value)
    if kind.__reduce__ is not object.__reduce__ or kind.__reduce_ex__ is not object.__reduce_ex__:
        return encode_object(value)
    state = value.__getstate__()
    return encode_instance(b"O", kind, (ITSELF, State(_in_order(state)) if type(state) is dict else state))


def _in_order(state: dict[str, Any]) -> dict[str, Any]:
    """Return a module's attributes with its tables as lists: their order is that of `parameters()` and of the hooks.

    Hooks go by numbers that are counted through the whole process, so each gets its place among this module's.
    """
    hooks = {name: table for name, table in state.items() if "_hooks" in name and hasattr(table, "items")}
    numbers = sorted({number for table in hooks.values() for number in table if type(number) is int})
    places = {number: place for place, number in enumerate(numbers)}
    named: dict[str, Any] = {
        name: list(state[name].items()) for name in ("_parameters", "_buffers", "_modules") if name in state
    }
    placed: dict[str, Any] = {
        name: [(places.get(key, key), hook) for key, hook in table.items()] for name, table in hooks.items()
    }
    return {**state, **named, **placed}


def _optimizer(value: Any) -> Walk:
    """Encode an optimizer: its own state goes by the parameters' identities, `state_dict` by their places."""
    parameters = [group["params"] for group in value.param_groups]
    return encode_instance(b"O", type(value), ((".param_groups", ""), parameters), (ITSELF, value.state_dict()))


def _generator(value: Any) -> Walk:
    return encode_data(b"n", type(value), "torch", (ITSELF, (str(value.device), value.get_state())))


def _named(value: Any) -> Walk:
    return encode_tagged(b"n", f"torch.{type(value).__name__}", (ITSELF, str(value)))


def _storage(_: Any) -> Walk:
    raise Unkeyable("a tensor's storage can't be keyed: pass the tensor")


BY_NAME: dict[str, Rule] = {
    "Tensor": _tensor,
    "Module": _module,
    "Optimizer": _optimizer,
    "Generator": _generator,
    "dtype": _named,
    "device": _named,
    "layout": _named,
    "memory_format": _named,
    "qscheme": _named,
    "TypedStorage": _storage,
    "UntypedStorage": _storage,
}
