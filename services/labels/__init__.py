"""The data library (datasets, assets) and labels: their life, bodies, history and imports."""
