"""The example of docs/two-step.md runs, and says what the page says of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs" / "two-step.md"


def test_the_example_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 1
    names: dict[str, Any] = {}
    exec(blocks[0], names)
    assert names["fit"].converged
    assert set(names["fit"].contrast(1, 2)["measure"]) == {"mean a", "mean b", "difference", "risk ratio", "odds ratio"}
    # class 2 was made to be lost five times as fast
    assert names["found"].tests["p_value"].max() < 0.001
    assert names["found"].by_class.converged
