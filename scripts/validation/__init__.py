"""A deployed cloud, proven in ten steps by a user of its own: `make test-infra`."""
