"""What taking in pointers, texts, protections and removals of a collection have in common."""

from __future__ import annotations

from madang.domain.access import Principal
from madang.ports.records import Records


class CollectionMerge:
    """Of one collection, given by project and name."""

    def __init__(
        self, records: Records, who: Principal, place: tuple[str, str], *, as_is: bool = False, only_same: bool = False
    ) -> None:
        """``as_is`` keeps word for word who did what; see `Merging`.

        With ``only_same`` nothing of the collection changes: histories that have led to the same are made one.
        """
        self._records = records
        self._who = who
        self._place = place
        self._as_is = as_is
        self._only_same = only_same

    def _signed(self, actor: str) -> str:
        return signed(actor, self._who, self._as_is)


def signed(actor: str, who: Principal, as_is: bool) -> str:
    """Who is said to have done something, and who says so."""
    return actor if as_is or actor in ("", who.name) or " via " in actor else f"{actor} via {who.name}"
