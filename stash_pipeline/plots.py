"""Plots for the metadata of assets, as Markdown with a PNG inside. matplotlib is imported only when one is drawn."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE: Final = (7.0, 3.2)
"""Inches, at 80 pixels each: as wide as the column of metadata in the UI."""
_DPI: Final = 80


def _drawn(title: str, draw: Any) -> str:
    # Figure without pyplot: pyplot keeps global state, and runs are threads
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    axes: Axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, loc="left", fontsize=10)
    draw(axes)
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return f"![{title}](data:image/png;base64,{b64encode(buffer.getvalue()).decode()})"


def histogram(title: str, counts: Mapping[int, int], label: str, *, unit: float = 1.0) -> str:
    """Bars over whole numbers.

    Args:
        unit: what a whole number is on the axis.
    """

    def draw(axes: "Axes") -> None:
        axes.bar([value * unit for value in counts], list(counts.values()), width=0.9 * unit)
        axes.set_xlabel(label)
        axes.set_ylabel("links")

    return _drawn(title, draw)


def histograms(
    title: str,
    series: Mapping[str, Mapping[int, int]],
    label: str,
    counted: str,
    *,
    unit: float = 1.0,
    last: int | None = None,
) -> str:
    """Bars over whole numbers, a colour per name, side by side: as the share of each, since one can be far larger.

    Args:
        unit: what a whole number is on the axis. last: the number that also stands for all greater ones.
    """
    present = {name: counts for name, counts in series.items() if counts}

    def draw(axes: "Axes") -> None:
        width = 0.9 / len(present)
        for position, (name, counts) in enumerate(present.items()):
            total = sum(counts.values())
            offset = (position - (len(present) - 1) / 2) * width
            axes.bar(
                [(value + offset) * unit for value in counts],
                [100 * count / total for count in counts.values()],
                width=width * unit,
                label=f"{name} ({total:,})",
            )
        axes.set_xlabel(label)
        axes.set_ylabel(f"% of {counted}")
        axes.set_ylim(0, 100)
        axes.locator_params(axis="x", integer=True)
        if last is not None and any(last in counts for counts in present.values()):
            ticks = [tick for tick in axes.get_xticks() if 0 <= tick < last * unit]
            axes.set_xticks([*ticks, last * unit], [*(f"{tick:g}" for tick in ticks), f"≥ {last * unit:g}"])
        axes.legend(fontsize=8, frameon=False)

    return _drawn(title, draw)


def lines(title: str, days: Sequence[str], series: Mapping[str, Sequence[int]]) -> str:
    """A line per name over days, on a logarithmic scale: methods differ by orders of magnitude."""

    def draw(axes: "Axes") -> None:
        for name, values in series.items():
            axes.plot(days, values, marker="o", markersize=3, label=name)
        axes.set_yscale("symlog")
        axes.set_ylim(bottom=0)
        axes.tick_params(axis="x", labelrotation=30)
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)

    return _drawn(title, draw)
