"""Actions over many labels: asked for and looked at (tasks), planned (planning), done part by part (work)."""
