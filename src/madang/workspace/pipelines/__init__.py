"""Stages of ``dvc.yaml`` as a whole: their order, which are stale, running them, and what they gave before."""
