"""The STAR*D forms in the order of the delivery, each with the function that fills it for a chunk of persons."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from harmonize.synthetic.stard_calls import qlesq01, sfhs01, ucq01, wpai01, wsas01
from harmonize.synthetic.stard_chunk import Chunk
from harmonize.synthetic.stard_clinic import ccv01, ivra01, le01
from harmonize.synthetic.stard_history import crs01, dm01, el01, phx01
from harmonize.synthetic.stard_qids import qids01
from harmonize.synthetic.stard_rater import hrsd01, idsc01
from harmonize.synthetic.stard_screening import mhx01, pdsq01, roa01
from harmonize.synthetic.stard_side_effects import prise01, side_effects01

FORMS: dict[str, Callable[[Chunk, int], pa.Table]] = {
    "el01": el01,
    "dm01": dm01,
    "phx01": phx01,
    "crs01": crs01,
    "hrsd01": hrsd01,
    "qids01": qids01,
    "idsc01": idsc01,
    "ccv01": ccv01,
    "ivra01": ivra01,
    "le01": le01,
    "mhx01": mhx01,
    "pdsq01": pdsq01,
    "side_effects01": side_effects01,
    "prise01": prise01,
    "qlesq01": qlesq01,
    "sfhs01": sfhs01,
    "wpai01": wpai01,
    "wsas01": wsas01,
    "ucq01": ucq01,
    "roa01": roa01,
}
