"""A run on disk: store, manifest, exchange, replay."""
