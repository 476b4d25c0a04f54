"""How fast the money path is, each figure beside the raw limit of the same machine in the same run."""
