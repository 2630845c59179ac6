"""Corrections of raw cells: entered with their reason, never written into the raw files, replayed at every build.

`ledger` keeps what people entered, `replay` says what it comes to on the forms that are landed now, `enter` accepts a
new correction or refuses it. Staging applies what `replay` wrote (macro `delivered`).
"""
