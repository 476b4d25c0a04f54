"""Staff: how they prove who they are, for how long that holds, and who gives them which role."""
