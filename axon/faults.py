"""What an error of torch means for what comes after it: less at once may do, or nothing will until the process ends."""

from __future__ import annotations

# Messages of plain RuntimeErrors: the processor's allocator, cuBLAS without room for its workspace, and CUDA itself, as
# its runtime, its driver and Triton report it (c10/core/impl/alloc_cpu.cpp, aten/src/ATen/cuda/CUDAContext).
NO_MEMORY = ("can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED", "out of memory")
CUDA_ERROR = "CUDA error:"


def out_of_memory(error: BaseException) -> bool:
    """Whether it may go well with less at once."""
    import torch  # whoever only hands out work reads this file's words without it

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return told_as_no_memory(error)


def told_as_no_memory(error: BaseException) -> bool:
    """Whether it is a plain RuntimeError that says so; torch need not be there."""
    return isinstance(error, RuntimeError) and any(text in str(error) for text in NO_MEMORY)


def context_is_dead(error: BaseException) -> bool:
    """Whether CUDA has failed in this process: from then on every call does, whatever it is about."""
    return isinstance(error, RuntimeError) and CUDA_ERROR in str(error) and not out_of_memory(error)
