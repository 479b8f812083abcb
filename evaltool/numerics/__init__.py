"""Arrays in, small frozen results out; knows no frame and no plan."""
