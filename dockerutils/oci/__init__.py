"""Layers as values: tar streams, digests, configs, manifests, archives, registries."""
