"""Tools for tests of this core, of hosts around it, and of other servers: strategies, machines, an explorer."""
