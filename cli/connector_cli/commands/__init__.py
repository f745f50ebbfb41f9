"""The verbs as the terminal knows them: they parse, ask and print, and call `actions`."""
