"""Numbers as people read them: times, sizes, counts; each with its unit."""

from __future__ import annotations


def duration(us: float | None) -> str:
    """Microseconds as "12.3 µs", "4.5 ms" or "1.2 s"; "–" for None."""
    if us is None:
        return "–"
    for limit, scale, unit in ((1e3, 1.0, "µs"), (1e6, 1e3, "ms")):
        if abs(us) < limit:
            return f"{us / scale:.3g} {unit}"
    return f"{us / 1e6:.3g} s"


def energy(uj: float | None) -> str:
    """Microjoules as "12.3 µJ", "4.5 mJ" or "1.2 J"; "–" for None."""
    return duration(uj).replace("µs", "µJ").replace("ms", "mJ").removesuffix(" s") + (
        " J" if uj is not None and abs(uj) >= 1e6 else ""
    )


def size(count: float | None) -> str:
    """Bytes as "512 B", "1.5 KiB", "3 MiB"; "–" for None."""
    if count is None:
        return "–"
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.3g} {unit}" if unit != "B" else f"{value:.0f} B"
        value /= 1024
    return f"{value:.3g} GiB"


def count(number: int) -> str:
    """A count with SI steps: "950", "1.2 k", "3.4 M", "5 G"."""
    value = float(number)
    for unit in ("", " k", " M"):
        if value < 1000:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g} G"


def things(number: int, what: str) -> str:
    """A count with its noun: "1 unit", "12 units"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def ratio(a: float, b: float) -> str:
    """a over b as "1.25×"; "–" when b is nothing."""
    return f"{a / b:.2f}×" if b else "–"
