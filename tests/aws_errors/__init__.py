"""Every error that AWS may answer, at every call of the protocols, and what is left afterwards."""
