"""What a Grant sees whose `sync_until` has passed: the values that were the newest at that moment (CDS-WG3-01 §7.3.1)."""

from collections.abc import Iterable, Sequence

from cds_usage.domain.day_block import DayBlock, rank


def frozen_block(block: DayBlock, layers: Iterable[DayBlock], until: int) -> DayBlock:
    """The block as it stood at `until` (microseconds).

    `layers` are superseded values in the order in which they were recorded; of two with the same source moment an estimate gives
    way, else the later recorded one counts. A slot without a value of that time becomes None.
    """
    step, count = block.interval_seconds, len(block.values)
    frozen = DayBlock(step, block.first, [None] * count, [0] * count, [0] * count, [-1] * count)
    for layer in (*layers, block):
        offset = (layer.first - block.first) // step
        for index, value in enumerate(layer.values):
            slot, source = offset + index, layer.sources[index]
            if value is None or not 0 <= slot < count or source > until:
                continue
            if rank(frozen.sources[slot], frozen.qualities[slot]) <= rank(source, layer.qualities[index]):
                frozen.values[slot], frozen.decimals[slot] = value, layer.decimals[index]
                frozen.qualities[slot], frozen.sources[slot] = layer.qualities[index], source
    return frozen


def last_change(block: DayBlock, layers: Sequence[DayBlock], recorded: Sequence[int], until: int) -> int | None:
    """When the newest of the values of `frozen_block` came here (microseconds); None without a value.

    `recorded` says of each layer when it was recorded: with that the value came that took its place, or the layer itself where it
    came too late to count. Of a slot's first value only the moment is known at which the source said it.
    """
    step, count = block.interval_seconds, len(block.values)
    live, best = [(-1, False)] * count, [(-1, False)] * count
    left, came = list[int | None]([None] * count), list[int | None]([None] * count)
    for layer, at in zip((*layers, block), (*recorded, None), strict=True):
        offset = (layer.first - block.first) // step
        for index, value in enumerate(layer.values):
            slot, source = offset + index, layer.sources[index]
            if value is None or not 0 <= slot < count:
                continue
            mine = rank(source, layer.qualities[index])
            counts = mine >= live[slot]
            arrived = left[slot] if counts else at
            if counts:
                live[slot], left[slot] = mine, at
            if source <= until and mine >= best[slot]:
                best[slot], came[slot] = mine, source if arrived is None else arrived
    return max((at for at in came if at is not None), default=None)
