"""Releases: the published tables frozen as files, verified, compared, and described for other programs.

`describe` says what each table is, `freeze` writes, `manifest` seals and reads, `verify` proves, `compare` finds what
differs and `expect` whether it was declared; `package`, `croissant` and `stata` are for who opens a release.
"""
