"""Review a connection's vendors: show, decide, export and import."""
