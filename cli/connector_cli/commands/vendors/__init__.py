"""`connector vendors ...`: `verbs` names them all."""
