"""Pictures, boxes and identities: numpy and OpenCV, no models."""
