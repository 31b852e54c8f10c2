"""A rendered athlete: a running figure whose 3D joints and camera are known exactly."""
