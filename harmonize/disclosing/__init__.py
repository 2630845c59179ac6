"""The privacy check: what leaves the warehouse is searched for what must not (design, decision 14).

`rules` says what is looked for, `page` reads HTML and SVG, `frame` reads CSV, Parquet and DuckDB, `scan` walks folders.
`trd disclose` is the command. A value that was found is never repeated in a finding.
"""
