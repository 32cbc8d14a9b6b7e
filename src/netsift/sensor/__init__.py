"""What a watch keeps: stages with queues of their own between the meter and the stores, and the sensor's own state."""
