"""Files that hold files: each member is opened anew, and all their names are read."""
