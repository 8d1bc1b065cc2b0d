"""What is compared with what, and what came of it: AXON with its base decoder, caches, budgets, confidences."""
