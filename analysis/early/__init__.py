"""Aim C: telling treatment failure early. Landmark prediction with everything that is fitted refitted in every fold.

    from analysis.early.run import Asked, run_early
    run_early(database, Asked(), print)          # the command `trd early`

`material` reads, `landmark` says who is asked and what is known, `folds` keeps test persons apart, `models` predict,
`measures` and `referral` judge. See `docs/early-prediction.md`.
"""
