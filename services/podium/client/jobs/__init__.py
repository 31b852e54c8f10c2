"""The SDK: videos in, results out, by the jobs of an api."""
