"""The rules of labels: their life, and what a body may hold. Plain Python over contracts."""
