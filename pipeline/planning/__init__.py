"""Which settings are asked for, and what the store still lacks of them."""
