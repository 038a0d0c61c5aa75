"""The command line: one thin module per stage that parses, calls one function and renders what it gives."""
