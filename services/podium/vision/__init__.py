"""Crops, boxes, key points and identities, with numpy and OpenCV; no models."""
