"""Asking the processor to fetch memory before it is needed: most of metering is waiting for the flow table."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

_CACHE_LINE = 64


@intrinsic
def _prefetch(typing_context: Any, array: Any, index: Any, line: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        structure = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = builder.extract_value(structure.strides, 0)
        distance = builder.mul(line_index(builder, arguments[2]), ir.Constant(cgutils.intp_t, _CACHE_LINE))
        byte_pointer = ir.IntType(8).as_pointer()
        start = builder.bitcast(structure.data, byte_pointer)
        place = builder.gep(start, [builder.add(builder.mul(arguments[1], stride), distance)])
        kinds = [byte_pointer, ir.IntType(32), ir.IntType(32), ir.IntType(32)]
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [byte_pointer], ir.FunctionType(ir.VoidType(), kinds)
        )
        write, locality, data = (ir.Constant(ir.IntType(32), number) for number in (1, 3, 1))
        builder.call(function, [place, write, locality, data])
        return context.get_dummy_value()

    def line_index(builder: Any, value: Any) -> Any:
        return value if value.type == cgutils.intp_t else builder.sext(value, cgutils.intp_t)

    return types.none(array, types.int64, types.int64), generate


def prefetch(array: Any, index: int, lines: int) -> None:
    """Fetch the first ``lines`` cache lines of ``array[index]``; a hint, without effect on any value."""


@overload(prefetch)
def _compiled_prefetch(array, index, lines):
    def fetch(array, index, lines):
        for line in range(lines):
            _prefetch(array, index, line)

    return fetch
