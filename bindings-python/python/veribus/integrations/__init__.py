"""One module for each framework; none of them imports a framework that you do not use."""
