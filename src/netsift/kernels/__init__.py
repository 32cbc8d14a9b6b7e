"""Every compiled inner loop of netsift, and nothing that is not one."""
