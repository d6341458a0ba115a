"""The fence: nothing here knows of people, files or agents. It binds a workspace and a member, and nothing else."""
