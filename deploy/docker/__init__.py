"""Labelyard in containers: what docker-compose.yml needs beside the image."""
