"""Getting data in: landing, mapping compiler, synthetic studies, and the `trd` command line."""
