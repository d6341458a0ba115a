"""What do operators see of the whole installation? Its pages take every floor, so they stand on the roof."""
