// The simulator of a cluster, from the command line.
