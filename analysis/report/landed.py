"""What of the accounts a page shows: the forms that were landed."""

from __future__ import annotations

FORM_ROWS = (
    "(from quality.form_rows semi join"
    " (select study as study_id, form as src_form from quality.landings) using (study_id, src_form))"
)
"""Accounts of landed forms; a form that a study may come without has an account of zeros, which says nothing."""
