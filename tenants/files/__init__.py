"""Files people upload: pictures, and text files of codes."""
