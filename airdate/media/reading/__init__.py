"""What a film's bytes say: the child's side of probes and proofs."""
