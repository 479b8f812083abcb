"""What a synthetic control is made of: one bar per donor that carries weight."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaltool.language.numbers import number, percent
from evaltool.language.words import Voice
from evaltool.plotting._canvas import BLUE, INK, Drawing, draw, quiet_frame, wrapped

ROW = 0.235
DIGITS = 1


@dataclass(frozen=True, slots=True)
class DonorsPicture:
    """(name, weight) of each donor with weight, and how many have none."""

    weights: tuple[tuple[str, float], ...]
    without: int


def draw_donors(picture: DonorsPicture, lang: str) -> Drawing:
    """Bars, the heaviest on top. Raises ValueError without donors."""
    if not picture.weights:
        message = "a figure of donors needs weights"
        raise ValueError(message)
    voice = Voice(lang)
    weights = sorted(picture.weights, key=lambda item: -item[1])
    rest = voice.say("figure.donors_rest", {"n": number(picture.without, lang)})
    height = 0.14 + ROW * (len(weights) + (picture.without > 0))

    def paint(figure: Figure) -> None:
        axes = figure.add_axes((0.27, 0.01, 0.62, 0.98))
        names = [name for name, _ in weights] + ([rest] if picture.without else [])
        axes.barh(range(len(weights)), [w for _, w in weights], height=0.62, color=BLUE, linewidth=0)
        for place, (_, weight) in enumerate(weights):
            _value(axes, place, weight, lang)
        if picture.without:
            axes.annotate(
                percent(0, lang, 0), (0, len(weights)), xytext=(5, 0), textcoords="offset points", va="center",
                fontsize=8, color=INK,
            )  # fmt: skip
        axes.set_xlim(0, weights[0][1] * 1.12)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_yticks(range(len(names)))
        axes.set_yticklabels([wrapped(name, 34) for name in names])
        axes.set_xticks([])
        quiet_frame(axes, left=True)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0)

    listed = "; ".join(f"{name} {percent(weight, lang, DIGITS)}" for name, weight in weights)
    return Drawing(
        name="donors",
        svg=draw(height, paint),
        caption=voice.say("figure.donors_caption"),
        alt=f"{voice.say('figure.donors_alt')} {listed}." + (f" {rest}: {percent(0, lang, 0)}." if rest else ""),
        head=(voice.say("label.donor"), voice.say("label.weight")),
        rows=(
            *((name, percent(weight, lang, DIGITS)) for name, weight in weights),
            *([(rest, percent(0, lang, 0))] if picture.without else []),
        ),
        numeric=(1,),
    )


def _value(axes: Axes, place: int, weight: float, lang: str) -> None:
    """The weight behind its bar."""
    axes.annotate(
        percent(weight, lang, DIGITS), (weight, place), xytext=(5, 0), textcoords="offset points", va="center",
        fontsize=8, color=INK,
    )  # fmt: skip
