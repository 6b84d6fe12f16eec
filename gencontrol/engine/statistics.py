"""What came of a run, counted line by line: nothing grows with the data set."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

_BINS = 200
_DISTINCT = 100_000
"""Phrases that are counted one by one; beyond that the rarest are forgotten."""
_SHOWN = 20
_QUANTILES = (0.1, 0.5, 0.9)


class Spread:
    """How numbers spread over a range, in bins."""

    def __init__(self, low: float | int, high: float | int):
        """Take the range."""
        self.low, self.high = float(low), float(high)
        self.bins = [0] * _BINS
        self.total = 0.0

    def add(self, value: float | int | None) -> None:
        """Count a number; None is none."""
        if value is not None:
            share = (value - self.low) / (self.high - self.low)
            self.bins[min(max(int(share * _BINS), 0), _BINS - 1)] += 1
            self.total += value

    def told(self) -> dict[str, Any]:
        """How many, their mean, and quantiles to the width of a bin; empty where there is none."""
        count = sum(self.bins)
        if not count:
            return {"count": 0}
        quantiles = {f"quantile_{share:g}": self._quantile(share * count) for share in _QUANTILES}
        return {"count": count, "mean": round(self.total / count, 4), **quantiles}

    def _quantile(self, wanted: float) -> float:
        seen = 0
        for place, count in enumerate(self.bins):
            seen += count
            if seen >= wanted:
                return round(self.low + (place + 0.5) * (self.high - self.low) / _BINS, 4)
        return self.high


class Tally:
    """Counts of a run, from the lines of its candidates."""

    def __init__(self) -> None:
        self.pictures = 0
        self.used = 0
        self.boxes = 0
        self.kept = 0
        self.reasons: Counter[str] = Counter()
        self.phrases: Counter[str] = Counter()
        self.areas = Spread(0, 1)
        self.agreement = {"kept": Spread(-1, 1), "rejected": Spread(-1, 1)}
        self._picture: Any = None
        self._is_used = False

    def add(self, line: Mapping[str, Any], *, place: int) -> None:
        """Count a candidate.

        Args:
            line: As a shard's file holds it.
            place: Number of its shard.
        """
        is_kept = not line["rejected_because"]
        # A data set may name a picture twice. Lines that an earlier version has left have no number of their row.
        picture = place, line.get("row", line["picture"])
        if picture != self._picture:
            self._picture, self._is_used = picture, False
            self.pictures += 1
        self.boxes += line["box"] is not None
        self.kept += is_kept
        self.used += is_kept and not self._is_used
        self._is_used |= is_kept
        self.agreement["kept" if is_kept else "rejected"].add(line["agreement"])
        if is_kept:
            self.areas.add(line["area"])
            self.phrases[line["phrase"].casefold()] += 1
            if len(self.phrases) > 2 * _DISTINCT:
                self.phrases = Counter(dict(self.phrases.most_common(_DISTINCT)))
        else:
            self.reasons[line["rejected_because"]] += 1

    def told(self) -> dict[str, Any]:
        """Plain values."""
        ranked = sorted(self.phrases.items(), key=lambda entry: (-entry[1], entry[0]))
        return {
            "pictures": self.pictures,
            "pictures_used": self.used,
            "boxes": self.boxes,
            "pairs": self.kept,
            "rejected": dict(sorted(self.reasons.items(), key=lambda entry: (-entry[1], entry[0]))),
            "phrases": len(self.phrases),
            "commonest_phrases": dict(ranked[:_SHOWN]),
            "mask_area": self.areas.told(),
            "agreement": {name: spread.told() for name, spread in self.agreement.items()},
        }
