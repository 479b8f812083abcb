"""What each tool is asked to do: a function of the frame that returns the number it found."""
