"""Photos as a film."""
