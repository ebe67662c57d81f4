"""Sweeps: their trials, the agents that carry them out, and what is remembered meanwhile."""
