"""Writers of synthetic studies, in each study's own file format. Nobody was measured for these data."""
