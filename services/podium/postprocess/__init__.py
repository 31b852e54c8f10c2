"""The postprocess service: the frame results of a whole video to tables, overlays and a report."""
