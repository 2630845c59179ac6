"""Aim B: does treatment failure go with treatment resistance? In MARS, with the error of classification carried.

    from analysis.resistance.run import Asked, run_resistance
    run_resistance(database, Asked(), print)     # the command `trd resistance`

`people` reads, `membership` regresses the class on what came before, `before` and `later` are the two questions.
"""
