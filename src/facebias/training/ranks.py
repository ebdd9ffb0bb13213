"""One training over several processes (`torchrun`): which rows each of them takes, and how they agree on the rest.

Every rank holds the same data, makes the same global plan of an epoch from the same generator, and takes its slice of
each batch. Whatever describes all images (ranges, counts, sums) is reduced over the ranks: statistics of each rank's
own images would be others than those of the whole. A `World` of one rank reduces nothing and changes no bit.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from facebias.core.errors import FacebiasError

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
_PATIENCE = timedelta(days=2)  # the first rank packs the data while the others wait


@dataclass(frozen=True)
class World:
    """The processes of one training. PyTorch is imported where there are several.

    Attributes:
        rank: number of this one; the first, 0, alone writes files.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    def sum(self, values: Any) -> Any:
        """Of numbers or an array, element by element over the ranks, in their own type: int64 counts stay exact."""
        if self.size == 1:
            return values
        from torch.distributed import ReduceOp

        return self._reduced(values, ReduceOp.SUM)

    def least(self, values: np.ndarray) -> np.ndarray:
        """The minimum over the ranks, element by element."""
        if self.size == 1:
            return values
        from torch.distributed import ReduceOp

        return self._reduced(values, ReduceOp.MIN)

    def _reduced(self, values: Any, how: Any) -> np.ndarray:
        import torch

        tensor = torch.from_numpy(np.array(values))
        torch.distributed.all_reduce(tensor, how)
        return tensor.numpy()

    def total(self, values: Tensor) -> Tensor:
        """The sum of a tensor over the ranks, on its device, outside of any gradient."""
        if self.size == 1:
            return values
        import torch

        values = values.detach().clone()
        torch.distributed.all_reduce(values)
        return values

    def block(self, count: int, batch: int = 1) -> slice:
        """This rank's rows of `count`: whole batches of `batch`, cut where one process cuts them; may be empty."""
        batches = -(-count // batch)
        start, stop = (min(count, batches * rank // self.size * batch) for rank in (self.rank, self.rank + 1))
        return slice(start, stop)

    def share(self, rows: np.ndarray) -> np.ndarray:
        """This rank's slice of a batch: every `size`-th row, so that each rank gets of its faces and its non-faces."""
        return rows[self.rank :: self.size]

    def joined(self, part: np.ndarray) -> np.ndarray:
        """The blocks (n of this rank,) of all ranks, below each other in their order, on each rank."""
        if self.size == 1:
            return part
        lengths = np.zeros(self.size + 1, np.int64)
        lengths[self.rank + 1] = len(part)
        starts = np.cumsum(self.sum(lengths))
        whole = np.zeros(starts[-1], part.dtype)
        whole[starts[self.rank] : starts[self.rank + 1]] = part
        joined: np.ndarray = self.sum(whole)  # adding zeros is exact
        return joined

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` returns on the first rank, on every rank; a fault of it is everybody's.

        Raises:
            FacebiasError: `make` did.
        """
        if self.size == 1:
            return make()
        import torch

        told: list[Any] = [None, None]
        if self.rank == 0:
            try:
                told[0] = make()
            except FacebiasError as error:
                told[1] = error
        torch.distributed.broadcast_object_list(told)
        if told[1]:
            raise told[1]
        made: T = told[0]
        return made


ALONE = World()


@contextlib.contextmanager
def torchrun_world() -> Iterator[World]:
    """The world that `torchrun` made, left again at the end; without `torchrun`, one of this process alone.

    Ranks talk over gloo about what lies in memory, and over NCCL about what lies on GPUs, a GPU each.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    import torch

    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    with group_world("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=_PATIENCE) as world:
        yield world


@contextlib.contextmanager
def group_world(backend: str, **where: Any) -> Iterator[World]:
    """The world of a process group that is made here, and left together.

    At the end ranks wait for each other, and with it until gloo's threads have let go of the last tensor that was sent.
    To let go of it they need the interpreter. A network in DistributedDataParallel keeps them alive beyond the end of
    the group (PyTorch 2.14), so a process that ends while one of them waits aborts, after all its work was done.

    Args:
        backend: as `torch.distributed.init_process_group` has it.
        where: what else it takes.
    """
    import torch

    torch.distributed.init_process_group(backend, **where)
    try:
        yield World(torch.distributed.get_rank(), torch.distributed.get_world_size())
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()
