"""What the commands do, one module a room; `airdate.cli` reads the options and hands them over."""
