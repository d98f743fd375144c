// The simulated world: a disk that loses what was not synced, from a seed.
