"""The radiance field: voxels or a hash grid, a frozen base and what changes it."""
