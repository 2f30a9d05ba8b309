"""How nights differ by nature: the kinds of noise that a detector must bear."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import signal

from tasks.measure.detect.evidence import Array


class Noise(NamedTuple):
    """What nights share beyond sampling error.

    Attributes:
        name: as in the tables.
        scale: of the deviation between nights; 0 leaves independent nights of equal mean, without weekday or trend.
        correlation: of a night with the one before.
        freedom: of Student's t; 0 is the normal law.
    """

    name: str
    scale: float = 1.0
    correlation: float = 0.0
    freedom: float = 0.0


REALISTIC = Noise("realistic")
NOISES = (
    Noise("i.i.d.", scale=0.0),
    REALISTIC,
    Noise("double noise", scale=2.0),
    Noise("AR .4", correlation=0.4),
    Noise("AR .6", correlation=0.6),
    Noise("t5", freedom=5.0),
    Noise("t3", freedom=3.0),
)


def nights_of(noise: Noise, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Standardised deviations between nights, the last axis being nights."""
    if noise.freedom:
        deviations = random.standard_t(noise.freedom, shape) / np.sqrt(noise.freedom / (noise.freedom - 2))
    else:
        deviations = random.standard_normal(shape)
    if noise.correlation:
        deviations[..., 1:] *= np.sqrt(1 - noise.correlation**2)
        deviations = signal.lfilter([1.0], [1.0, -noise.correlation], deviations, axis=-1)
    return np.asarray(deviations * noise.scale)
