"""What the command line does: parse, call, print. Each command is one call of the library."""
