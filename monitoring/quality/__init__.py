"""How good judges are, held against people."""
