"""Does a stretch of sound hold speech? Routing for the report's words, never evidence of a change.

Method: speech switches its band energies on and off at the rate of syllables, 2-8 times a second, deeply, and
with pauses; music beds and noise do so less or at the steady beat of an instrument [1]. The score rises with
the share of modulation in that range and with the depth between loud and quiet rows. Limits: rapping and sung
vocals over sparse music look like speech, whispering may not.
[1] Scheirer, Slaney. ICASSP 1997 (4 Hz modulation energy, percentage of low-energy frames).
"""

from __future__ import annotations

import numpy as np

from haechi.check.compare.sound_features import HOP, SAMPLE_RATE, Samples, log_bands, take

LONGEST_S = 30.0


def speech_score(samples: Samples, start_s: float, end_s: float) -> float:
    """How speech-like the sound between two times is, 0 (not at all) to 1; at most LONGEST_S in the
    middle is heard.
    """
    middle, reach = 0.5 * (start_s + end_s), min(end_s - start_s, LONGEST_S) / 2
    rows = int(2 * reach * SAMPLE_RATE / HOP)
    if rows < 20:
        return 0.0
    first = round((middle - reach) * SAMPLE_RATE)
    values = take(samples, first, first + rows * HOP)
    peak = float(np.abs(values).max(initial=0.0))
    if peak < 1e-3:
        return 0.0
    bands = log_bands(values / peak, rows)
    bands = np.logaddexp(bands, np.log(np.mean(np.exp(bands))) - 9.0)[:, 2:18]
    centred = bands - bands.mean(axis=0)
    power = np.abs(np.fft.rfft(centred * np.hanning(rows)[:, None], axis=0)) ** 2
    rate = np.fft.rfftfreq(rows, HOP / SAMPLE_RATE)
    heard = (rate > 0.7) & (rate < 30.0)
    syllables = float(power[(rate > 1.5) & (rate < 9.0)].sum() / (power[heard].sum() + 1e-9))
    depth = float(np.median(np.percentile(bands, 85, axis=0) - np.percentile(bands, 20, axis=0)))
    return float(1.0 / (1.0 + np.exp(-(6.0 * (syllables - 0.55) + 1.2 * (depth - 2.5)))))
