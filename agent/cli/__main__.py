"""`python -m agent.cli`: the command without its console script."""

from agent.cli.main import main

main()
