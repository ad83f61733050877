"""The heavy work of the labels service, in processes of its own."""
