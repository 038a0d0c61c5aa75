"""`python -m haechi.cli`: the same as `haechi`."""

from haechi.cli.main import main

main()
