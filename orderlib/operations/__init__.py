"""What the shop can do. Each function is one transaction: all of it happens, or nothing."""
