"""Checkpoints as a plan and a prompt meet them: files, content hash, outline, cost."""
