"""What tests in all folders share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of real public data sets; the test is skipped where there is none."""
    from harmonize import paths

    folder = paths.public_data()
    if folder is None or not folder.is_dir():
        pytest.skip("no public data: set TRD_PUBLIC_DATA, or put the folder at ../shared/data")
    return folder
