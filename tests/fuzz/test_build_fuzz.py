"""A whole fuzzed delivery of STAR*D builds: bad data are refused rows and cell issues, never a failed build."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from harmonize.landing import LandingError, land
from harmonize.paths import Warehouse
from harmonize.sources import study
from tests.dbt_project import kit
from tests.fuzz.deliveries import BYTE_CHANGES, ROW_CHANGES, changed, sound_files

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_fuzzed_delivery_builds_and_loses_nothing(seed: int, tmp_path: Path) -> None:
    """Every form is changed until a changed copy lands; both identities hold for what was built."""
    rng = Random(seed)
    warehouse, known = Warehouse(tmp_path / "warehouse"), study("stard")
    rows = {}
    for file in sound_files(tmp_path / "sound", ("stard",)):
        for _ in range(20):
            which = [(rng.randrange(len(ROW_CHANGES)), rng.randrange(1 << 32)) for _ in range(rng.randint(1, 4))]
            more = [(rng.randrange(len(BYTE_CHANGES)), rng.randrange(1 << 32))] if rng.random() < 0.2 else []
            inbox = tmp_path / "inbox" / file.name
            inbox.parent.mkdir(exist_ok=True)
            inbox.write_bytes(changed(file, which, more))
            try:
                (report,) = land(known, inbox, warehouse, synthetic=True).forms
            except LandingError:
                continue
            rows[file.form.name] = report.rows
            break
    assert len(rows) > 15, "most forms have a changed copy that lands"
    kit.build(warehouse, project=kit.project_with("stard"))
    lost = "select * from quality.entity_rows where n_candidates <> n_accepted + n_merged + n_quarantined"
    assert kit.query(warehouse, lost) == []
    counted = kit.query(
        warehouse,
        "select src_form, block, sum(n_rows) filter (fate = 'raw'), sum(n_rows) filter (fate <> 'raw')"
        " from quality.form_rows where study_id = 'stard' group by all",
    )
    assert all(raw == rest for _, _, raw, rest in counted)
    whole = {form: raw for form, block, raw, _ in counted if block in ("persons", "qids_clinic", "hrsd17", "wsas")}
    assert whole == {form: rows.get(form, 0) for form in ("el01", "qids01", "hrsd01", "wsas01")}
    assert kit.query(warehouse, "select count(*) from quality.cell_issues") != [(0,)]
