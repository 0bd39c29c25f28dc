"""Every change of state: one module per process, one function per verb, the actor keyword-only."""
