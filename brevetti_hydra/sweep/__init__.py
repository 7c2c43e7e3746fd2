"""Sweeps: many runs that are planned, run, resumed and summed up as one."""
