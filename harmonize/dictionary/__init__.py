"""The data dictionary: every table, column, code list and check as one offline site and as CSV.

`tables` reads the published file, `sources` the mapping document and the contracts of raw forms, `checks` counts and
judges, `site` writes. `trd dictionary` and `trd checks` are the commands.
"""
