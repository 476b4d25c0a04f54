"""MACs of very many cards at once: DES in bit-sliced form on NumPy arrays."""
