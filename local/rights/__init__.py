"""What AWS would allow: the policies of template.yaml, and a decider over them."""
