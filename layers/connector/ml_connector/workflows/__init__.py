"""What the workers do: each workflow joins the pure rules, both remotes and the doors."""
