"""What operations cost, and the bucket that they are paid from."""
