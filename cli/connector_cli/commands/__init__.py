"""The verbs: each parses its options, calls the layer and prints what it returns."""
