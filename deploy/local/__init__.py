"""Labelyard on one machine without containers: private servers and every process under one supervisor."""
