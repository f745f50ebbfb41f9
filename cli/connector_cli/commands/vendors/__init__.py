"""`connector vendors ...`: `app` lists the verbs."""
