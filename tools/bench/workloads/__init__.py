"""What users do with a server, replayed against several: `make bench-workloads`."""
